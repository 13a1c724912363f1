"""GGUFs with the shape of known models and nothing in them: their weights are holes in the file.

llama.cpp takes them where it only counts memory (``no_alloc``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

_BLOCKS = {Type.F32: (1, 4), Type.Q8_0: (32, 34), Type.Q4_K: (256, 144)}


@dataclass(frozen=True, slots=True)
class Known:
    """The numbers of a model as its makers published them. ``head`` is 0 where it is width / heads."""

    name: str
    architecture: str
    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    tied: bool = False
    head: int = 0
    window: int = 0
    experts: int = 0

    @property
    def head_size(self) -> int:
        return self.head or self.width // self.heads


KNOWN = {
    known.name: known
    for known in (
        Known("qwen2.5-0.5b", "qwen2", 24, 896, 4864, 14, 2, 151_936, 32_768, tied=True),
        Known("llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 128_256, 131_072, tied=True),
        Known("qwen2.5-3b", "qwen2", 36, 2048, 11_008, 16, 2, 151_936, 32_768, tied=True),
        Known("phi-3-mini", "phi3", 32, 3072, 8192, 32, 32, 32_064, 4096),
        Known("gemma-2-2b", "gemma2", 26, 2304, 9216, 8, 4, 256_000, 8192, tied=True, head=256, window=4096),
        Known(
            "gemma-3-4b", "gemma3", 34, 2560, 10_240, 8, 4, 262_144, 131_072, tied=True, head=256, window=1024
        ),
        Known("qwen2.5-7b", "qwen2", 28, 3584, 18_944, 28, 4, 152_064, 32_768),
        Known("llama-2-7b", "llama", 32, 4096, 11_008, 32, 32, 32_000, 4096),
        Known("mistral-7b", "llama", 32, 4096, 14_336, 32, 8, 32_768, 32_768),
        Known("llama-3.1-8b", "llama", 32, 4096, 14_336, 32, 8, 128_256, 131_072),
        Known("mixtral-8x7b", "llama", 32, 4096, 14_336, 32, 8, 32_000, 32_768, experts=8),
        Known("llama-3.1-70b", "llama", 80, 8192, 28_672, 64, 8, 128_256, 131_072),
    )
}


def write_shape(folder: Path, known: Known) -> Path:
    """Write a file of this shape: 4 bits a weight where rows allow it, else 8."""
    path = folder / f"{known.name}.gguf"
    writer = gguf.GGUFWriter(path, known.architecture)
    _write_metadata(writer, known)
    kind = Type.Q8_0 if known.width % 256 or known.hidden % 256 else Type.Q4_K
    end = 0
    for name, shape in _list_tensors(known):
        stored = Type.F32 if len(shape) == 1 or "gate_inp" in name else kind
        values, size = _BLOCKS[stored]
        count = int(np.prod(shape)) // values * size
        row = shape[-1] // values * size
        if stored is Type.F32:
            writer.add_tensor_info(name, shape, np.dtype(np.float32), count, raw_dtype=stored)
        else:
            writer.add_tensor_info(name, (*shape[:-1], row), np.dtype(np.uint8), count, raw_dtype=stored)
        end += -(-count // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    file = writer.fout[0]
    writer.write_padding(file, file.tell())
    start = file.tell()
    writer.close()
    os.truncate(path, start + end)
    return path


def _write_metadata(writer: gguf.GGUFWriter, known: Known) -> None:
    writer.add_name(known.name)
    writer.add_context_length(known.context)
    writer.add_embedding_length(known.width)
    writer.add_block_count(known.layers)
    writer.add_feed_forward_length(known.hidden)
    writer.add_head_count(known.heads)
    writer.add_head_count_kv(known.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(known.vocabulary)
    writer.add_rope_dimension_count(known.head_size)
    writer.add_tokenizer_model("no_vocab")
    if known.head:
        writer.add_key_length(known.head)
        writer.add_value_length(known.head)
    if known.window:
        writer.add_sliding_window(known.window)
    if known.experts:
        writer.add_expert_count(known.experts)
        writer.add_expert_used_count(2)


def _list_tensors(known: Known) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "token_embd.weight", (known.vocabulary, known.width)
    for number in range(known.layers):
        for name, shape in _list_layer(known):
            yield f"blk.{number}.{name}", shape
    yield "output_norm.weight", (known.width,)
    if not known.tied:
        yield "output.weight", (known.vocabulary, known.width)


def _list_layer(known: Known) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, hidden = known.width, known.hidden
    queries, keys = known.heads * known.head_size, known.kv_heads * known.head_size
    yield "attn_norm.weight", (width,)
    yield "ffn_norm.weight", (width,)
    yield "attn_output.weight", (width, queries)
    if known.architecture == "phi3":
        yield "attn_qkv.weight", (queries + 2 * keys, width)
        yield "ffn_up.weight", (2 * hidden, width)
        yield "ffn_down.weight", (width, hidden)
        return
    for name, rows in (("q", queries), ("k", keys), ("v", keys)):
        yield f"attn_{name}.weight", (rows, width)
        if known.architecture == "qwen2":
            yield f"attn_{name}.bias", (rows,)
    if known.experts:
        yield "ffn_gate_inp.weight", (known.experts, width)
        for name in ("gate", "up"):
            yield f"ffn_{name}_exps.weight", (known.experts, hidden, width)
        yield "ffn_down_exps.weight", (known.experts, width, hidden)
    else:
        yield "ffn_gate.weight", (hidden, width)
        yield "ffn_up.weight", (hidden, width)
        yield "ffn_down.weight", (width, hidden)
    if known.window:
        yield "post_attention_norm.weight", (width,)
        yield "post_ffw_norm.weight", (width,)
    if known.architecture == "gemma3":
        yield "attn_q_norm.weight", (known.head_size,)
        yield "attn_k_norm.weight", (known.head_size,)
