"""Reads the header of a GGUF in pure Python; every length is checked against the file.

Format: github.com/ggml-org/ggml, docs/gguf.md. Versions 2 and 3, little-endian. Loading the model is left to llama.cpp.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from edge.embedded.part import Stamp, locate, read_stamp
from edge.errors import ModelError, NotFoundError, StorageError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_DIMENSIONS = 4
MAX_ENTRIES = 2**20
DEFAULT_ALIGNMENT = 32

Kind = Literal["language", "embedder", "reranker", "part"]
"""The purpose of a model; a part (an adapter, an image encoder) goes with a model and is none itself."""

RANK = 4  # llama.h: LLAMA_POOLING_TYPE_RANK
_EMBEDDING = ("bert", "embed", "t5encoder")  # parts of the names of architectures that write no text

MAX_NUMBERS = 1024
"""Arrays of numbers up to this length are read (a number for each layer); longer ones belong to the vocabulary."""

Number = int | float | bool
Value = Number | str | None
"""A metadata value; arrays are kept apart and read as None."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9

# ggml type: (values in a block, bytes of a block).
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip

_AGAIN = "Get the file again and compare its size with the source."


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's name, shape (the row's length first) and bytes."""

    name: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a GGUF.

    ``metadata`` has scalars and strings, ``arrays`` the short arrays of numbers, ``lengths`` the length of every array;
    ``data_bytes`` is what all tensors take in the file.
    """

    metadata: dict[str, Value]
    weights: tuple[Tensor, ...]
    data_bytes: int
    arrays: dict[str, tuple[Number, ...]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)

    @property
    def tensors(self) -> int:
        """The number of tensors."""
        return len(self.weights)

    @property
    def architecture(self) -> str:
        """For instance ``llama``, ``qwen2`` or ``bert``."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def kind(self) -> Kind:
        """The purpose of the model."""
        if self.metadata.get("general.type", "model") != "model" or self.architecture == "clip":
            return "part"
        pooling = self.metadata.get(f"{self.architecture}.pooling_type")
        if pooling == RANK and any(tensor.name.startswith("cls.") for tensor in self.weights):
            return "reranker"
        return "embedder" if pooling or any(n in self.architecture for n in _EMBEDDING) else "language"


def read_header(path: Path) -> Header:
    """Read the header of a GGUF that is whole: every tensor lies inside the file. Read again only when the file has
    changed.

    Raises:
        NotFoundError: there is no such file.
        ModelError: it is not a GGUF, or it is damaged.
        StorageError: it cannot be read.
    """
    try:
        seen = read_stamp(path)
    except OSError:
        seen = ()  # opening it will say why
    return _read_header(path, seen)


@lru_cache(maxsize=16)
def _read_header(path: Path, _seen: Stamp) -> Header:
    with _open(path) as reader:
        tensors, entries = reader.read_counts()
        metadata: dict[str, Value] = {k: v for k, v in reader.read_metadata(entries) if v is not None}
        weights, data_bytes = reader.read_tensors(tensors, metadata)
        return Header(metadata, weights, data_bytes, reader.arrays, reader.lengths)


def read_name(path: Path) -> str:
    """Read ``general.name``, else the name of the file; no further than it must.

    Raises:
        As `read_header`.
    """
    with _open(path) as reader:
        _, entries = reader.read_counts()
        names = (value for key, value in reader.read_metadata(entries) if key == "general.name" and value)
        return str(next(names, path.stem))


@contextmanager
def _open(path: Path) -> Iterator[_Reader]:
    try:
        inside = locate(path)
        real, offset, size = (inside.path, inside.offset, inside.size) if inside else (path, 0, 0)
        with real.open("rb") as file:
            if not file.read(1):
                raise ModelError(f"{path.name} is empty.", _AGAIN)
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ, offset=offset) as data:
                yield _Reader(path, data)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {path}.", "Check the path.") from error
    except IsADirectoryError as error:
        raise ModelError(f"{path} is a folder.", "Give the .gguf file itself.") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


class _Reader:
    """A cursor over the mapped file."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data, self._position = path, data, 0
        self.arrays: dict[str, tuple[Number, ...]] = {}
        self.lengths: dict[str, int] = {}

    def read_counts(self) -> tuple[int, int]:
        """Read the number of tensors and of metadata entries."""
        if self._data[:4] != MAGIC:
            raise ModelError(f"{self._path.name} is not a GGUF file.", "Get the model in GGUF form.")
        self._position = 4
        version = self._read_number("I")
        if version not in VERSIONS:
            raise ModelError(
                f"{self._path.name} is a GGUF of version {version}.",
                "Get a newer file of this model: versions 2 and 3 can be used.",
            )
        tensors, entries = self._read_number("Q"), self._read_number("Q")
        if tensors > MAX_ENTRIES or entries > MAX_ENTRIES:
            raise self._make_error("it claims too many entries")
        return tensors, entries

    def read_metadata(self, entries: int) -> Iterator[tuple[str, Value]]:
        """Yield keys and values in file order."""
        for _ in range(entries):
            key = self._read_string()
            yield key, self._read_value(key, self._read_number("I"))

    def read_tensors(self, count: int, metadata: dict[str, Value]) -> tuple[tuple[Tensor, ...], int]:
        """Read all tensors, each inside the file, and the bytes they take together."""
        alignment = metadata.get("general.alignment") or DEFAULT_ALIGNMENT
        if not isinstance(alignment, int) or alignment & (alignment - 1):
            raise self._make_error(f"its alignment is {alignment}")
        placed = [self._read_tensor() for _ in range(count)]
        if not placed:
            return (), 0
        start = -(-self._position // alignment) * alignment
        wanted = start + max(offset + tensor.bytes for tensor, offset in placed)
        size = len(self._data)
        if wanted > size:
            raise ModelError(f"{self._path.name} is cut short: {size:,} of {wanted:,} bytes.", _AGAIN)
        return tuple(tensor for tensor, _ in placed), wanted - start

    def _read_tensor(self) -> tuple[Tensor, int]:
        """Read a tensor and where it begins."""
        name = self._read_string()
        dimensions = self._read_number("I")
        if dimensions > MAX_DIMENSIONS:
            raise self._make_error(f"tensor {name[:60]!r} has {dimensions} dimensions")
        shape = tuple(self._read_number("Q") for _ in range(dimensions))
        kind, offset = self._read_number("I"), self._read_number("Q")
        if kind not in _BLOCKS:
            raise ModelError(
                f"{self._path.name} stores its weights in a way that is not known here (type {kind}).",
                "Get it in a common quantisation, such as Q4_K_M or Q8_0.",
            )
        block, size = _BLOCKS[kind]
        return Tensor(name, shape, math.prod(shape) // block * size), offset

    def _read_value(self, key: str, kind: int) -> Value:
        if kind == _STRING:
            return self._read_string()
        if kind == _ARRAY:
            self._read_array(key)
            return None
        if kind not in _SCALARS:
            raise self._make_error(f"a value of unknown type {kind}")
        number: Number = self._unpack(_SCALARS[kind])
        return number

    def _read_array(self, key: str) -> None:
        kind, length = self._read_number("I"), self._read_number("Q")
        self.lengths[key] = length
        if kind == _STRING:
            if length * 8 > len(self._data):
                raise self._make_error("an array ends outside of it")
            self._skip_strings(length)
        elif kind not in _SCALARS:
            raise self._make_error(f"an array of type {kind}")
        elif length <= MAX_NUMBERS:
            self.arrays[key] = tuple(self._unpack(_SCALARS[kind]) for _ in range(length))
        else:
            self._skip(length * struct.calcsize(_SCALARS[kind]))

    def _skip_strings(self, count: int) -> None:
        """Skip the strings of a vocabulary (150,000 words twice over), in a quarter of the time that reading them
        takes.
        """
        length, data, at = struct.Struct("<Q").unpack_from, self._data, self._position
        try:
            for _ in range(count):
                at += 8 + length(data, at)[0]
        except (struct.error, OverflowError) as error:
            raise self._make_error("its header ends early") from error
        self._skip(at - self._position)

    def _read_string(self) -> str:
        length = self._read_number("Q")
        start = self._position
        self._skip(length)
        return self._data[start : start + length].decode("utf-8", "replace")

    def _read_number(self, code: str) -> int:
        return int(self._unpack(code))

    def _unpack(self, code: str) -> Number:
        start = self._position
        self._skip(struct.calcsize(code))
        number: Number = struct.unpack_from("<" + code, self._data, start)[0]
        return number

    def _skip(self, length: int) -> None:
        if length > len(self._data) - self._position:
            raise self._make_error("its header ends early")
        self._position += length

    def _make_error(self, what: str) -> ModelError:
        return ModelError(f"{self._path.name} is damaged: {what}.", _AGAIN)
