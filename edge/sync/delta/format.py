"""The .kdelta file: parts one after the other, then an index that says what they are, then a trailer.

A part is one Zstandard frame. The index is one too and holds JSON. The trailer is the length of the index (8 bytes,
big-endian) and ``MAGIC``, so that a cut file is found at once. Nothing in a file is believed before it is checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from edge.errors import PackError
from edge.files import translate_os_errors
from edge.sync.delta.compression import INSTEAD, compress, expand

MAGIC = b"edgekdl" + bytes([1])
TRAILER_BYTES = 8 + len(MAGIC)
MAX_INDEX_BYTES = 16 << 20
"""Expanded; a pack of 100,000 documents, all of them changed, has an index of this size."""

Count = Annotated[int, Field(ge=0, lt=2**40)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, slots=True, config=STRICT)
class Part:
    """The place of a part in the file, and the length of its contents once expanded."""

    start: Count
    length: Count
    size: Count


@dataclass(frozen=True, slots=True, config=STRICT)
class KeptDocuments:
    """Documents that are the same in both packs and follow one another: ids in the old pack."""

    first: Count
    count: Count


@dataclass(frozen=True, slots=True, config=STRICT)
class ChangedDocument:
    """A new or changed document: its parts, each compressed with the same part of an old document (its id) as base."""

    base: Count
    description: Part
    vectors: Part
    original: Part


@dataclass(frozen=True, slots=True, config=STRICT)
class Documents:
    """The new pack as documents, written anew on the device.

    Only the same writer gives the same bytes: ``sqlite`` and ``sqlite_vec`` are the versions it relies on. The format
    of packs needs no mention: that of the old pack is this edge's, or it would not be opened.
    ``words`` are those whose vectors the old pack lacks.
    """

    sqlite: str
    sqlite_vec: str
    manifest: str
    embedder: str
    documents: tuple[KeptDocuments | ChangedDocument, ...]
    words: tuple[str, ...]
    word_vectors: Part


@dataclass(frozen=True, slots=True, config=STRICT)
class Bytes:
    """The new file as one part, with the old file as its base: longer, but it relies on nothing."""

    file: Part


@dataclass(frozen=True, slots=True, config=STRICT)
class Index:
    """The ends of a delta: the SHA-256 of the database in the old file, SHA-256 and length of the new file."""

    old: Sha256
    new: Sha256
    size: Count
    content: Documents | Bytes


_INDEX = TypeAdapter(Index)


class Writer:
    """Writes a delta: parts as they come, then the index."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, data: bytes, base: bytes = b"") -> Part:
        """Append a part."""
        frame = compress(data, base)
        start = self._file.tell()
        self._file.write(frame)
        return Part(start, len(frame), len(data))

    def finish(self, index: Index) -> None:
        """Append index and trailer."""
        frame = compress(_INDEX.dump_json(index))
        self._file.write(frame + len(frame).to_bytes(8, "big") + MAGIC)


class Reader:
    """An opened delta. Make one with ``open_delta``."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._end = file.seek(0, os.SEEK_END)
        self.index = self._read_index()
        if self.index.size > limit or sum(part.size for part in self.list_parts()) > limit:
            raise PackError(f"The delta makes more than {limit} bytes.", INSTEAD)

    def read(self, part: Part, base: bytes = b"") -> bytes:
        """Return the contents of a part, given its base."""
        data = expand(self._read_bytes(part.start, part.length), part.size, base)
        if len(data) != part.size:
            raise PackError("A part of the delta is not as long as it says.", INSTEAD)
        return data

    def list_parts(self) -> Iterator[Part]:
        """Yield all parts that the index names."""
        content = self.index.content
        if isinstance(content, Bytes):
            yield content.file
            return
        yield content.word_vectors
        for document in content.documents:
            if isinstance(document, ChangedDocument):
                yield from (document.description, document.vectors, document.original)

    def _read_index(self) -> Index:
        trailer = self._read_bytes(self._end - TRAILER_BYTES, TRAILER_BYTES)
        if trailer[8:] != MAGIC:
            raise PackError("This is not a delta, or its end is missing.", INSTEAD)
        length = int.from_bytes(trailer[:8], "big")
        frame = self._read_bytes(self._end - TRAILER_BYTES - length, length)
        try:
            return _INDEX.validate_json(expand(frame, MAX_INDEX_BYTES))
        except ValidationError as error:
            raise PackError(f"The delta's index is wrong: {describe_error(error)}.", INSTEAD) from error

    def _read_bytes(self, start: int, length: int) -> bytes:
        if start < 0 or start + length > self._end:
            raise PackError("The delta is cut.", INSTEAD)
        self._file.seek(start)
        return self._file.read(length)


@contextmanager
def open_delta(path: Path, limit: int) -> Iterator[Reader]:
    """Open a delta and check its index.

    Args:
        limit: the most bytes that its parts may have together once expanded, and that the new file may have.

    Raises:
        PackError: not a delta, cut, malformed or larger than ``limit``.
    """
    with translate_os_errors(path), path.open("rb") as file:
        yield Reader(file, limit)


def describe_error(error: ValidationError) -> str:
    """Return the first error in words."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
