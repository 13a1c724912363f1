"""Rerankers without training: BERTs of a few words, written as real GGUFs, and the same sums in numpy.

In the model of `reward_overlap`, the first token sees how often each word occurs, and what occurs twice counts more
than twice as much as what occurs once (GELU is convex): of passages equally long, that wins which shares more words
with the question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
PAD, UNKNOWN, BEGIN, SEPARATOR = range(4)
EPSILON = 1e-6
CONTEXT = 64


def draw_weights(words: Sequence[str], layers: int = 2, width: int = 32, seed: int = 0) -> Weights:
    """Draw weights by chance, scores of order 1."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 0.0) -> NDArray[np.float32]:
        scale = scale or shape[-1] ** -0.5
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    weights = _embed(draw(len(SPECIAL) + len(words), width, scale=1.0))
    weights["position_embd.weight"] = draw(CONTEXT, width, scale=0.3)
    for n in range(layers):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights |= {f"blk.{n}.{name}.weight": draw(width, width), f"blk.{n}.{name}.bias": draw(width)}
        weights |= {f"blk.{n}.ffn_up.weight": draw(2 * width, width), f"blk.{n}.ffn_up.bias": draw(2 * width)}
        weights |= {f"blk.{n}.ffn_down.weight": draw(width, 2 * width), f"blk.{n}.ffn_down.bias": draw(width)}
        weights |= _make_norms(n, width)
    weights |= {"cls.weight": draw(width, width), "cls.bias": draw(width)}
    return weights | {"cls.output.weight": draw(1, width), "cls.output.bias": draw(1)}


def reward_overlap(words: Sequence[str]) -> Weights:
    """Make weights that reward words which occur in both question and passage."""
    size = len(SPECIAL) + len(words)
    width = -(-(size + 2) // 32) * 32
    constant, score = width - 2, width - 1  # dimensions that are no word's
    tokens = np.zeros((size, width), np.float32)
    tokens[np.arange(size), np.arange(size)] = 1
    tokens[:, constant] = 4  # keeps the deviation, by which a norm divides, nearly the same for all
    weights = _embed(tokens)
    nothing, identity = np.zeros((width, width), np.float32), np.eye(width, dtype=np.float32)
    for name, matrix in (
        ("attn_q", nothing),
        ("attn_k", nothing),
        ("attn_v", 4 * identity),
        ("attn_output", identity),
    ):
        weights |= {f"blk.0.{name}.weight": matrix, f"blk.0.{name}.bias": np.zeros(width, np.float32)}
    only_words = identity.copy()
    only_words[: len(SPECIAL)] = only_words[size:] = 0
    to_score = np.zeros((width, width), np.float32)
    to_score[score, len(SPECIAL) : size] = 1
    weights |= {"blk.0.ffn_up.weight": 4 * only_words, "blk.0.ffn_up.bias": np.zeros(width, np.float32)}
    weights |= {"blk.0.ffn_down.weight": to_score, "blk.0.ffn_down.bias": np.zeros(width, np.float32)}
    weights |= _make_norms(0, width)
    head = np.zeros((1, width), np.float32)
    head[0, score] = 1
    return weights | {"cls.output.weight": head}


def write_rank_model(
    path: Path,
    words: Sequence[str],
    weights: Weights,
    *,
    heads: int = 4,
    pooling: gguf.PoolingType = gguf.PoolingType.RANK,
    labels: Sequence[str] = (),
    marks: tuple[bool, bool] | None = (True, False),
) -> Path:
    """Write a BERT; ``marks`` says whether a text ends with a token of its own, and whether another separates two; None
    says nothing about it."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(path.stem)
    writer.add_context_length(len(weights["position_embd.weight"]))
    writer.add_embedding_length(weights["token_embd.weight"].shape[1])
    writer.add_block_count(count_layers(weights))
    writer.add_feed_forward_length(len(weights["blk.0.ffn_up.weight"]))
    writer.add_head_count(heads)
    writer.add_layer_norm_eps(EPSILON)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    if labels:
        writer.add_classifier_output_labels(labels)
    _write_vocabulary(writer, words, marks)
    for name, tensor in weights.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


TEMPLATE = "<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n"


def write_template_model(path: Path, *, template: str = TEMPLATE, seed: int = 0) -> Path:
    """Write a language model that became a reranker (a Qwen3 of bytes): it says how likely its answer is "yes"."""
    width, heads = 64, 4
    control = ["<|im_start|>", "<|im_end|>"]
    tokens = ["<unk>", *control, *(f"<0x{byte:02X}>" for byte in range(256))]
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float32]:
        return (rng.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)

    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name(path.stem)
    writer.add_context_length(2048)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(heads)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_classifier_output_labels(["yes", "no"])
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template([{"name": "rerank", "template": template}])
    norms = {"output_norm": width, "blk.0.attn_norm": width, "blk.0.ffn_norm": width}
    norms |= {"blk.0.attn_q_norm": width // heads, "blk.0.attn_k_norm": width // heads}
    for name, size in norms.items():
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
    squares = [
        f"blk.0.{n}" for n in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    ]
    for name, rows in {"token_embd": len(tokens), "cls.output": 2, **dict.fromkeys(squares, width)}.items():
        writer.add_tensor(f"{name}.weight", draw(rows, width))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def pair(words: Sequence[str], question: str, text: str, separators: int = 1) -> list[int]:
    """Write ``[CLS] question [SEP] text [SEP]``, with so many separators in the middle."""
    number = {word: len(SPECIAL) + n for n, word in enumerate(words)}
    asked, said = ([number.get(word, UNKNOWN) for word in part.split()] for part in (question, text))
    return [BEGIN, *asked, *[SEPARATOR] * separators, *said, SEPARATOR]


def forward(weights: Weights, tokens: Sequence[int], heads: int = 4) -> float:
    """Compute the score, as BERT's paper and its ranking head have it."""
    x = weights["token_embd.weight"][list(tokens)] + weights["position_embd.weight"][: len(tokens)]
    x = _normalise(x + weights["token_types.weight"][0], weights, "token_embd_norm")
    for n in range(count_layers(weights)):
        x = _normalise(x + _attention(x, weights, n, heads), weights, f"blk.{n}.attn_output_norm")
        inner = _gelu(_apply_linear(x, weights, f"blk.{n}.ffn_up"))
        x = _normalise(
            x + _apply_linear(inner, weights, f"blk.{n}.ffn_down"), weights, f"blk.{n}.layer_output_norm"
        )
    first = x[0]
    if "cls.weight" in weights:
        first = np.tanh(_apply_linear(first, weights, "cls"))
    return float(_apply_linear(first, weights, "cls.output")[0])


def count_layers(weights: Weights) -> int:
    """Count the layers that these are weights of."""
    return sum(name.endswith(".attn_q.weight") for name in weights)


def _embed(tokens: NDArray[np.float32]) -> Weights:
    width = tokens.shape[1]
    return {
        "token_embd.weight": tokens,
        "position_embd.weight": np.zeros((CONTEXT, width), np.float32),
        "token_types.weight": np.zeros((2, width), np.float32),
        "token_embd_norm.weight": np.ones(width, np.float32),
        "token_embd_norm.bias": np.zeros(width, np.float32),
    }


def _make_norms(n: int, width: int) -> Weights:
    names = [f"blk.{n}.{name}" for name in ("attn_output_norm", "layer_output_norm")]
    return {f"{name}.weight": np.ones(width, np.float32) for name in names} | {
        f"{name}.bias": np.zeros(width, np.float32) for name in names
    }


def _write_vocabulary(writer: gguf.GGUFWriter, words: Sequence[str], marks: tuple[bool, bool] | None) -> None:
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    writer.add_token_list([*SPECIAL, *(f"\u2581{word}" for word in words)])
    writer.add_token_types([gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * len(words))
    writer.add_bos_token_id(BEGIN)
    writer.add_sep_token_id(SEPARATOR)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_pad_token_id(PAD)
    if marks is not None:
        writer.add_eos_token_id(SEPARATOR)
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(marks[0])
        writer.add_add_sep_token(marks[1])


def _apply_linear(
    x: NDArray[np.float32], weights: Mapping[str, NDArray[np.float32]], name: str
) -> NDArray[np.float32]:
    bias = weights.get(f"{name}.bias")
    product: NDArray[np.float32] = x @ weights[f"{name}.weight"].T
    return product if bias is None else product + bias


def _normalise(x: NDArray[np.float32], weights: Weights, name: str) -> NDArray[np.float32]:
    even = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPSILON)
    scaled: NDArray[np.float32] = even * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return scaled


def _attention(x: NDArray[np.float32], weights: Weights, n: int, heads: int) -> NDArray[np.float32]:
    q, k, v = (
        _apply_linear(x, weights, f"blk.{n}.attn_{part}").reshape(len(x), heads, -1).swapaxes(0, 1)
        for part in "qkv"
    )
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (shares / shares.sum(-1, keepdims=True)) @ v
    return _apply_linear(mixed.swapaxes(0, 1).reshape(x.shape), weights, f"blk.{n}.attn_output")


def _gelu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
