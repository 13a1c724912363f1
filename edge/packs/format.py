"""The .kpack file: one immutable SQLite database followed by a trailer with its digest.

The trailer is ``MAGIC``, the length of the database (8 bytes, big-endian) and its SHA-256, so that a cut or
changed file is found before SQLite sees a byte of it. Chunk ids are consecutive in reading order and
contiguous for each document, so that the neighbours of chunk ``n`` are ``n - 1`` and ``n + 1`` and a document
is a range of ids.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.embedded.part import open_file
from edge.errors import NotFoundError, PackError, StorageError
from edge.files import read_blocks
from edge.text.words import TOKENIZER
from edge.types import DIMENSIONS

FORMAT = 2
MAGIC = b"edgekpk" + bytes([FORMAT])
TRAILER_BYTES = len(MAGIC) + 8 + 32
BLOCK = 1 << 20

VECTOR_SCALE = 127 / 0.25
"""Components of unit vectors are multiplied by this and clipped to int8; beyond +-0.25 they are rare."""

VECTOR_CHUNK = 128
"""Vectors in one block of vec0. A cell fills whole blocks: with the default of 1,024 and 141 cells a pack of
20,000 chunks took 57 MB and 8.9 ms for 16 cells, with 128 it takes 14 MB and 1.8 ms; 64 is slower again on
full scans."""

NO_EMBEDDER = "none"
"""The embedder of a pack without vectors."""

SCHEMA = f"""
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE document(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, media_type TEXT NOT NULL,
    sha256 TEXT NOT NULL, pages INTEGER NOT NULL, applies_to TEXT NOT NULL,
    first_chunk INTEGER NOT NULL, last_chunk INTEGER NOT NULL);
CREATE TABLE original(document INTEGER PRIMARY KEY REFERENCES document, data BLOB NOT NULL);
CREATE TABLE page(
    document INTEGER NOT NULL REFERENCES document, number INTEGER NOT NULL, label TEXT,
    width REAL NOT NULL, height REAL NOT NULL, PRIMARY KEY (document, number)) WITHOUT ROWID;
CREATE TABLE chunk(
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document, section INTEGER NOT NULL,
    page_from INTEGER NOT NULL, page_to INTEGER NOT NULL, kind TEXT NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL, boxes TEXT NOT NULL);
CREATE VIRTUAL TABLE keyword USING fts5(
    title, heading, body, identifiers, content='', tokenize='{TOKENIZER}');
CREATE VIRTUAL TABLE vector USING vec0(
    cell INTEGER PARTITION KEY, embedding INT8[{DIMENSIONS}], chunk_size={VECTOR_CHUNK});
CREATE TABLE embedding(chunk INTEGER PRIMARY KEY REFERENCES chunk, vectors BLOB NOT NULL);
CREATE TABLE cell(id INTEGER PRIMARY KEY, mean BLOB NOT NULL);
CREATE TABLE word(word TEXT PRIMARY KEY, chunks INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE stem(stem TEXT PRIMARY KEY, chunks INTEGER NOT NULL, word TEXT, vector BLOB) WITHOUT ROWID;
"""
"""``meta`` holds ``manifest`` (JSON), ``embedder`` (name and digest of the embedding model, or ``none``), and in a pack
that was built although its self-test failed ``mark`` (the sentence that says so). ``synonyms``, where there are any, is
a JSON list of lists of words and phrases that mean the same.

``document.applies_to`` is a JSON list of equipment models, empty for those of the pack. ``chunk.boxes`` is a
JSON list of ``[page, left, top, right, bottom]`` in fractions of the page. ``keyword`` and ``vector`` have
the chunk's id as rowid. ``embedding.vectors`` has ``DIMENSIONS`` int8 for the chunk and then for each of its
``text.units.units``, for scoring what the index finds: reading vectors back out of vec0 takes thirty times as long.
``cell.mean`` is ``DIMENSIONS`` little-endian float32, the mean of the cell's unit vectors. ``word`` is the vocabulary
before stemming, lower case; ``stem`` counts the chunks that hold a stem in heading, text or codes, and has the most
frequent word of the stem with its vector (int8, null where the pack has none).
"""

PLACES = "CREATE TABLE place(chunk INTEGER PRIMARY KEY REFERENCES chunk, place TEXT NOT NULL)"
"""Made only in packs with documents without pages: where a chunk stands in its file, ``#reset`` or ``row 17``."""

DOUBTS = "CREATE TABLE doubt(chunk INTEGER PRIMARY KEY REFERENCES chunk)"
"""Made only in packs with scans: chunks with a value that was hard to read and is to be compared with the page."""

NOT_A_PACK = "Build it with `edge pack build`, or copy it again from where it came from."
DAMAGED = "Copy or download the file again; if it stays damaged, build the pack again."


@dataclass(frozen=True, slots=True)
class Trailer:
    """The end of the file: length of the database in bytes and its SHA-256 (hexadecimal)."""

    length: int
    digest: str


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 (hexadecimal) of the database inside a pack, and of the whole file."""

    database: str
    file: str


def read_trailer(path: Path) -> Trailer:
    """Read the trailer of a pack, checked against the file's length but not against its contents.

    Raises:
        NotFoundError, StorageError: there is no such file, or it cannot be read.
        PackError: not a regular file, without our mark, of another format, or not as long as it says.
    """
    with _open(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TRAILER_BYTES))
        tail = file.read(TRAILER_BYTES)
    mark, length = tail[: len(MAGIC)], int.from_bytes(tail[len(MAGIC) : len(MAGIC) + 8], "big")
    if size < TRAILER_BYTES or mark[:-1] != MAGIC[:-1]:
        raise PackError(f"{path.name} is not a knowledge pack, or its end is missing.", NOT_A_PACK)
    if mark != MAGIC:
        raise PackError(
            f"{path.name} has pack format {mark[-1]}; this edge reads format {FORMAT}.",
            "It was made by a newer edge: update edge." if mark[-1] > FORMAT else "Build the pack again.",
        )
    if length != size - TRAILER_BYTES:
        raise PackError(f"{path.name} holds {size - TRAILER_BYTES} bytes of {length}.", DAMAGED)
    return Trailer(length, tail[len(MAGIC) + 8 :].hex())


def check_digest(path: Path) -> Digests:
    """Read the whole file once and compare it with its trailer.

    Raises:
        PackError: a single byte is not what it was when the pack was built.
    """
    trailer = read_trailer(path)
    with _open(path) as file:
        database = _hash(file, trailer.length)
        whole = database.copy()
        whole.update(file.read())
    if database.hexdigest() != trailer.digest:
        raise PackError(f"{path.name} is damaged: its contents do not match its digest.", DAMAGED)
    return Digests(database.hexdigest(), whole.hexdigest())


def seal(path: Path) -> str:
    """Append the trailer to a finished database and return its digest. The caller makes the file durable."""
    length = path.stat().st_size
    with path.open("r+b") as file:
        digest = _hash(file, length)
        file.seek(length)
        file.write(MAGIC + length.to_bytes(8, "big") + digest.digest())
    return digest.hexdigest()


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open a pack's file, with the operating system's errors translated."""
    try:
        if path.exists() and not path.is_file():
            raise PackError(f"{path} is not a file.", "A knowledge pack is one .kpack file: give its path.")
        with open_file(path) as file:
            yield file
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no {path}.", "Check the path.") from error
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error.strerror}.", "Check its permissions and the disk."
        ) from error


def _hash(file: BinaryIO, length: int) -> hashlib._Hash:
    digest = hashlib.sha256()
    for block in read_blocks(file, length):
        digest.update(block)
    return digest
