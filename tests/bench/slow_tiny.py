"""The tiny model of the tests, made as slow as one of 60 million weights, saying the same.

Its feed-forward layers become wider and layers are added, all of it with random weights whose results are multiplied by
zero. So speed can be measured with a model that quotes as it was trained to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from fetch import make_cache_folder, say
from tests.bench.random_model import draw_weights

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
LAYERS, HIDDEN = 6, 16_384
WIDTH = 128
BLOCKS, FEED_FORWARD = "llama.block_count", "llama.feed_forward_length"
LEFT_OUT = ("GGUF.", "general.architecture", BLOCKS, FEED_FORWARD)


def make_slow_tiny() -> Path:
    """Return the model's file, written once into the cache folder."""
    key = hashlib.sha256(TINY.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    path = make_cache_folder() / "random" / f"tiny-slow-{key}.gguf"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        say(f"writing {path.name}")
        unfinished = path.with_suffix(f".{os.getpid()}")
        _write(unfinished)
        unfinished.replace(path)
    return path


def _write(path: Path) -> None:
    tiny = gguf.GGUFReader(TINY)
    writer = gguf.GGUFWriter(path, "llama")
    for name, field in tiny.fields.items():
        if not name.startswith(LEFT_OUT):
            part = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], part)
    layers = int(tiny.fields[BLOCKS].contents())
    writer.add_block_count(layers + LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    for tensor in tiny.tensors:
        writer.add_tensor(tensor.name, _widen(tensor.name, tensor.data), raw_dtype=tensor.tensor_type)
    for layer in range(layers, layers + LAYERS):
        for name, data, kind in _make_idle_layer():
            writer.add_tensor(f"blk.{layer}.{name}.weight", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _widen(name: str, data: Any) -> Any:
    """Add rows that compute, and columns of zeros that take what they computed."""
    if "ffn_down" in name:
        return np.pad(data, ((0, 0), (0, HIDDEN - data.shape[1])))
    if "ffn_gate" in name or "ffn_up" in name:
        chance = np.random.Generator(np.random.SFC64(1))
        rows = draw_weights(chance, (HIDDEN - len(data), WIDTH), Type.F16).view(np.float16)
        return np.concatenate([data, rows.reshape(-1, WIDTH)])
    return data


def _make_idle_layer() -> Iterator[tuple[str, Any, Type]]:
    chance = np.random.Generator(np.random.SFC64(0))

    def make_weights(rows: int, columns: int, kind: Type) -> Any:
        return draw_weights(chance, (rows, columns), kind).reshape(rows, -1)

    for name in ("attn_norm", "ffn_norm"):
        yield name, np.ones(WIDTH, np.float32), Type.F32
    for name in ("attn_q", "attn_k", "attn_v"):
        yield name, make_weights(WIDTH, WIDTH, Type.Q8_0), Type.Q8_0
    yield "attn_output", 0 * make_weights(WIDTH, WIDTH, Type.Q8_0), Type.Q8_0
    for name in ("ffn_gate", "ffn_up"):
        yield name, make_weights(HIDDEN, WIDTH, Type.Q8_0), Type.Q8_0
    yield "ffn_down", 0 * make_weights(WIDTH, HIDDEN, Type.Q8_0), Type.Q8_0
