"""GGUFs of random weights: as large and as slow as a trained model of their shape, and without a word of sense.

Speed does not depend on what the weights are. Such a model never ends an answer by itself: it can only write words,
since every other row of its output matrix is 0. Its vocabulary is such that `make_text` has a known number of tokens.

    python -m tests.bench.random_model small|7b         prints the path, writing the file first unless the cache has it
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, product
from math import prod, sqrt
from pathlib import Path
from string import ascii_lowercase

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from fetch import make_cache_folder, say

Data = NDArray[np.uint8]

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GAIN = 0.64
"""How much larger numbers become in a matrix."""
ATTENTION_GAIN = 1.92
"""Sharp enough that what came long ago decides the next word: with 0.64 greedy text is a loop after ten words."""
OUTPUT_GAIN = 3.2
"""Makes some words much likelier than others, as a trained model does."""

# What a block's fixed bytes are, so that its weights have a mean of 0, and their deviation with a factor of 1.
SCALES_Q4_K = np.frombuffer(b"\xa0" * 8 + b"\0" * 4, np.uint8)  # all sixteen 6-bit numbers are 32
UNIT_Q4_K, UNIT_Q6_K, UNIT_Q8_0 = 32 * 4.61, 32 * 18.5, 73.9


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model computes with.

    ``weights`` is ``q4_k_m`` (the mixture of that name), ``q8_0`` or ``f16``.
    """

    name: str
    architecture: str
    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    weights: str = "q4_k_m"

    @property
    def kv_width(self) -> int:
        """Numbers in a key, or a value, of one layer."""
        return self.width // self.heads * self.kv_heads


SMALL = Shape("small", "llama", 12, 1024, 2816, 16, 4, 32_000, 8192)
"""200 million weights."""
QWEN_7B = Shape("7b", "qwen2", 28, 3584, 18_944, 28, 4, 152_064, 32_768)
"""As Qwen2.5-7B-Instruct; 4.7 GB."""
SHAPES = {shape.name: shape for shape in (SMALL, QWEN_7B)}


def make_random_model(shape: Shape) -> Path:
    """Return the model's file, written once into the cache folder."""
    key = hashlib.sha256(repr(shape).encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    path = make_cache_folder() / "random" / f"{shape.name}-{shape.weights}-{key}.gguf"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        for older in path.parent.glob(f"{shape.name}-{shape.weights}-*"):
            older.unlink()
        say(f"writing {path.name}")
        unfinished = path.with_suffix(f".{os.getpid()}")
        write(unfinished, shape)
        unfinished.replace(path)
    return path


def make_text(tokens: int, seed: int = 0) -> str:
    """Return words of so many tokens, the same for the same seed and for every shape."""
    words = list(_spell_words(20_000))
    return "".join(random.Random(seed).choices(words, k=tokens))


def write(path: Path, shape: Shape) -> None:
    """Write a model of this shape."""
    writer = gguf.GGUFWriter(path, shape.architecture)
    _write_metadata(writer, shape)
    _write_vocabulary(writer, shape)
    tensors = list(_list_tensors(shape))
    for name, size, kind in tensors:
        writer.add_tensor_info(name, size, np.dtype(np.float32), _count_bytes(size, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    chance = np.random.Generator(np.random.SFC64(0))
    for name, size, kind in tensors:
        writer.write_tensor_data(_make_data(chance, name, size, kind))
    writer.close()


def _write_metadata(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(f"random-{shape.name}-{shape.weights}")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(shape.vocabulary)


def _write_vocabulary(writer: gguf.GGUFWriter, shape: Shape) -> None:
    """Write bytes, words, control tokens. Every word is a shorter one and a letter, so that merging finds it."""
    words = [word.replace(" ", "Ġ") for word in _spell_words(shape.vocabulary - 256 - len(CONTROL))]
    tokens = [*_name_bytes(), *words, *CONTROL]
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([normal] * (len(tokens) - len(CONTROL)) + [control] * len(CONTROL))
    writer.add_token_merges([f"{word[:-1]} {word[-1]}" for word in words])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _spell_words(count: int) -> Iterator[str]:
    """Yield `` a`` to `` z``, `` aa`` to `` zz`` and so on."""
    lengths = (product(ascii_lowercase, repeat=length) for length in range(1, 5))
    return islice((" " + "".join(letters) for letters in chain.from_iterable(lengths)), count)


def _name_bytes() -> list[str]:
    """Return how byte-level BPE spells the bytes 0 to 255."""
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = (chr(256 + n) for n in range(256))
    return [chr(byte) if byte in shown else next(hidden) for byte in range(256)]


def _list_tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...], Type]]:
    width, hidden, kv = shape.width, shape.hidden, shape.kv_width
    usual, finer = {
        "q4_k_m": (Type.Q4_K, Type.Q6_K), "q8_0": (Type.Q8_0, Type.Q8_0), "f16": (Type.F16, Type.F16),
    }[shape.weights]  # fmt: skip
    yield "token_embd.weight", (shape.vocabulary, width), usual
    for layer in range(shape.layers):
        name = f"blk.{layer}"
        value = finer if _is_finer(layer, shape.layers) else usual
        yield f"{name}.attn_norm.weight", (width,), Type.F32
        yield f"{name}.attn_q.weight", (width, width), usual
        yield f"{name}.attn_k.weight", (kv, width), usual
        yield f"{name}.attn_v.weight", (kv, width), value
        yield f"{name}.attn_output.weight", (width, width), usual
        if shape.architecture == "qwen2":
            for part, size in ("q", width), ("k", kv), ("v", kv):
                yield f"{name}.attn_{part}.bias", (size,), Type.F32
        yield f"{name}.ffn_norm.weight", (width,), Type.F32
        yield f"{name}.ffn_gate.weight", (hidden, width), usual
        yield f"{name}.ffn_up.weight", (hidden, width), usual
        yield f"{name}.ffn_down.weight", (width, hidden), value
    yield "output_norm.weight", (width,), Type.F32
    yield "output.weight", (shape.vocabulary, width), finer


def _is_finer(layer: int, layers: int) -> bool:
    """Return whether Q4_K_M gives this layer more bits: the first and last eighth, and every third between."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * eighth or (layer - eighth) % 3 == 2


def _count_bytes(size: tuple[int, ...], kind: Type) -> int:
    weights, length = gguf.GGML_QUANT_SIZES[kind]
    return prod(size) // int(weights) * int(length)


def _make_data(chance: np.random.Generator, name: str, size: tuple[int, ...], kind: Type) -> Data:
    """Make a tensor's bytes. Norms are 1; in the output matrix only the rows of words are not 0."""
    if "norm" in name:
        return np.ones(size, np.float32).view(np.uint8)
    if name != "output.weight":
        sharp = "attn_q" in name or "attn_k" in name
        return draw_weights(chance, size, kind, ATTENTION_GAIN if sharp else GAIN)
    rows = draw_weights(chance, size, kind, OUTPUT_GAIN).reshape(size[0], -1)
    rows[:256] = 0
    rows[-len(CONTROL) :] = 0
    return rows.reshape(-1)


def draw_weights(chance: np.random.Generator, size: tuple[int, ...], kind: Type, gain: float = GAIN) -> Data:
    """Draw random weights in the layout of their type (ggml-common.h)."""
    deviation = gain / sqrt(size[-1])
    if kind in (Type.F16, Type.F32):
        numbers = chance.standard_normal(size, np.float32) * deviation
        return numbers.astype(np.float16 if kind == Type.F16 else np.float32).reshape(-1).view(np.uint8)
    length = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = np.frombuffer(bytearray(chance.bytes(_count_bytes(size, kind))), np.uint8).reshape(-1, length)
    if kind == Type.Q8_0:
        blocks[:, 0:2] = _to_half(deviation / UNIT_Q8_0)
    elif kind == Type.Q4_K:
        blocks[:, 0:2] = _to_half(deviation / UNIT_Q4_K)
        blocks[:, 2:4] = _to_half(7.5 * deviation / UNIT_Q4_K)
        blocks[:, 4:16] = SCALES_Q4_K
    else:
        blocks[:, 192:208] = 32
        blocks[:, 208:210] = _to_half(deviation / UNIT_Q6_K)
    return blocks.reshape(-1)


def _to_half(number: float) -> Data:
    return np.array([number], np.float16).view(np.uint8)


def main() -> None:
    """Print the path of a random model."""
    parser = argparse.ArgumentParser(description="A GGUF of random weights.")
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--weights", choices=("q4_k_m", "q8_0", "f16"), default="q4_k_m")
    options = parser.parse_args()
    print(make_random_model(replace(SHAPES[options.shape], weights=options.weights)))


if __name__ == "__main__":
    main()
