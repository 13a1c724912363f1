"""Models that are not what they should be: cut, emptied, renamed inside, with flipped bits. Deterministic by number."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

from edge.engine.llama import LlamaEngine
from edge.engine.process.session import Patience
from edge.errors import EdgeError, EngineError, ModelError
from edge.models import gguf
from tests.engine.conftest import make_prompt
from tests.engine.workers import make_writer

NAME = "broken.gguf"
HEADER_SHARE = 0.6
"""So many of the flips hit the header, though it is the smaller part: that is what gets read."""


def make_bad_models(good: bytes, count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield what was done, and the bytes: some fixed cases, then cuts and flips until there are enough."""
    header = _measure_header(good)
    fixed = list(_make_fixed(good, header))
    yield from fixed[:count]
    for number in range(len(fixed), count):
        yield _damage_at_random(good, header, Random(f"{seed} {number}"))


def try_model(folder: Path, data: bytes) -> str:
    """Return what becomes of a model: ``answers``, or the message. It is an AssertionError to fail in any other way."""
    path = folder / NAME
    path.write_bytes(data)
    before = _resources()
    engine = LlamaEngine(make_writer(path, 256), Patience(start=60, ping=20, silence=30))
    try:
        text = "".join(engine.stream(make_prompt(max_tokens=8)))
        result = f"answers {text!r}"
    except EngineError as error:
        result = _require_clear(error)
    finally:
        engine.close()
    assert _resources() == before, "descriptors, threads and children are given back"
    return result


def check_header(folder: Path, data: bytes) -> str | None:
    """Return what edge itself finds wrong before llama.cpp sees the file; None for nothing."""
    path = folder / NAME
    path.write_bytes(data)
    try:
        gguf.read_header(path)
    except EdgeError as error:
        return _require_clear(error, ModelError)
    return None


def _require_clear(error: EdgeError, kind: type[EdgeError] = EngineError) -> str:
    """Return the message of an error that names the file and says what to do."""
    assert isinstance(error, kind)
    assert NAME in error.message
    assert error.hint
    return error.message


def _make_fixed(good: bytes, header: int) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "zeros of the same length", bytes(len(good))
    yield "another kind of file", b"PK\x03\x04" + good[4:]
    yield "another architecture", _replaced(good, b"llama", b"lloma")
    yield "an architecture without a graph", _replaced(good, b"llama", b"bert\x00")
    yield "an unknown version", good[:4] + struct.pack("<I", 99) + good[8:]
    yield "no tensors", good[:8] + struct.pack("<Q", 0) + good[16:]
    yield "far too many tensors", good[:8] + struct.pack("<Q", 2**63) + good[16:]
    yield "no metadata", good[:16] + struct.pack("<Q", 0) + good[24:]
    yield "far too much metadata", good[:16] + struct.pack("<Q", 2**62) + good[24:]
    for size in (1, 3, 4, 7, 8, 15, 16, 23, 24, 30):
        yield f"cut after {size} bytes", good[:size]
    for share in (0.1, 0.5, 0.9):
        yield f"cut at {share} of its header", good[: int(header * share)]
    yield "cut after its header", good[:header]
    yield "cut before its last byte", good[:-1]
    yield "zeros from the middle on", good[: len(good) // 2] + bytes(len(good) - len(good) // 2)
    yield "zeros instead of weights", good[:header] + bytes(len(good) - header)
    yield "ones instead of weights", good[:header] + b"\xff" * (len(good) - header)
    yield "twice in one file", good + good


def _damage_at_random(good: bytes, header: int, random: Random) -> tuple[str, bytes]:
    if random.random() < 0.15:
        size = random.randrange(len(good)) if random.random() < 0.5 else random.randrange(header)
        return f"cut after {size} bytes", good[:size]
    data = bytearray(good)
    part = range(header) if random.random() < HEADER_SHARE else range(header, len(good))
    places = [random.choice(part) for _ in range(random.choice([1, 1, 1, 2, 8]))]
    for place in places:
        data[place] ^= 1 << random.randrange(8)
    return f"bits flipped at {places}", bytes(data)


def _replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    place = data.index(struct.pack("<Q", len(old)) + old) + 8
    return data[:place] + new + data[place + len(old) :]


def _measure_header(data: bytes) -> int:
    """Find where the weights begin: the end of the last tensor's description, whose name the chain model fixes."""
    return data.index(b"blk.0.ffn_down.weight") + len("blk.0.ffn_down.weight") + 4 + 2 * 8 + 4 + 8


def _resources() -> tuple[int, int, list[str]]:
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return len(os.listdir("/proc/self/fd")), threading.active_count(), children
