"""A real GGUF without training: a chain of tokens. Its one layer adds nothing, and its output matrix maps every token
to the one that follows, so that llama.cpp answers any prompt with the text it was written for.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np

UNKNOWN, BEGIN, END = 0, 1, 2
FIRST_BYTE = 3
CONTROL = "<|user|>"
CONTROL_TOKEN = FIRST_BYTE + 256
VOCABULARY = 288
HEADS, FEED_FORWARD = 9, 32


def write_chain_model(
    path: Path, answer: str, *, endless: bool = False, context: int = 512, template: str | None = None
) -> Path:
    """Write a model that says ``answer``, whose bytes must all differ, once or without end."""
    data = answer.encode()
    assert len(set(data)) == len(data), "a byte has one successor only"
    chain = [FIRST_BYTE + byte for byte in data]
    following = np.full(VOCABULARY, chain[0])
    for token, successor in pairwise(chain):
        following[token] = successor
    following[chain[-1]] = chain[0] if endless else END
    writer = gguf.GGUFWriter(path, "llama")
    _write_metadata(writer, path.stem, context, template)
    _write_weights(writer, following)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_metadata(writer: gguf.GGUFWriter, name: str, context: int, template: str | None) -> None:
    writer.add_name(name)
    writer.add_context_length(context)
    writer.add_embedding_length(VOCABULARY)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCABULARY)
    writer.add_rope_dimension_count(VOCABULARY // HEADS)
    fillers = [f"filler{n}" for n in range(VOCABULARY - CONTROL_TOKEN - 1)]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), CONTROL, *fillers]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([2, 3, 3, *[6] * 256, 3, *[5] * len(fillers)])
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    if template:
        writer.add_chat_template(template)


def _write_weights(writer: gguf.GGUFWriter, following: np.ndarray) -> None:
    size = VOCABULARY
    output = np.zeros((size, size), np.float32)
    output[following, np.arange(size)] = 1
    writer.add_tensor("token_embd.weight", np.eye(size, dtype=np.float32))
    writer.add_tensor("output.weight", output)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((size, size), np.float32))
    for name, shape in (
        ("ffn_gate", (FEED_FORWARD, size)),
        ("ffn_up", (FEED_FORWARD, size)),
        ("ffn_down", (size, FEED_FORWARD)),
    ):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, np.float32))


def write_chain_lora(
    path: Path, after: str, *, architecture: str = "llama", width: int = VOCABULARY, alpha: float = 1.0
) -> Path:
    """Write a LoRA adapter for chain models that makes them end after the last byte of ``after``."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    when = np.zeros((1, width), np.float32)
    then = np.zeros((VOCABULARY, 1), np.float32)
    when[0, FIRST_BYTE + after.encode()[-1]] = 1
    then[END, 0] = 10
    writer.add_tensor("output.weight.lora_a", when)
    writer.add_tensor("output.weight.lora_b", then)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
