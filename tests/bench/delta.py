"""A delta between two versions of a pack of 94 MB: its size and time, beside the full file and patches of its bytes.

Both versions are made of real chunks, see ``large``: documents of 8 to 40 chunks, each chunk and sentence with a vector
of its own, each document with an original of compressed pages and pictures. Between the versions 2 % of the documents
are edited (one chunk in ten is written anew and one is added), 2 % are new and 1 % are gone.
"""

from __future__ import annotations

import hashlib
import io
import random
import tempfile
import time
import zlib
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import zstandard

from edge.packs.manifest import Manifest
from edge.packs.pack import Pack
from edge.packs.record import Page, Record
from edge.packs.vectors import Int8Vectors, partition, quantise
from edge.packs.writer import IndexedDocument, IndexedVectors, make_sentence_texts, write_pack
from edge.sync.delta import apply, make
from edge.sync.delta.compression import compress
from tests.bench.figures import Figure
from tests.bench.large import (
    exchange_words,
    list_words,
    make_mover,
    read_documents,
    read_word_vectors,
    scale_to_unit,
)
from tests.bench.manuals import fetch_available
from tests.bench.packs import build_pack, open_starter
from tests.bench.program import main, say

T = TypeVar("T")

DOCUMENTS = 515
CHUNKS = 8, 40
EDITED, NEW, GONE = 0.02, 0.02, 0.01
REWRITTEN = 0.1
LEVEL = 10
PICTURES = 10.0, 1.2
"""Bytes of pictures in an original: mean and spread of their natural logarithm. Half have over 22 kB, 5 % over 160."""


@dataclass(frozen=True)
class Chunk:
    """A record with its vector and those of its sentences, one a row."""

    record: Record
    vectors: Int8Vectors


@dataclass(frozen=True)
class Made:
    """A document of the large pack."""

    name: str
    chunks: tuple[Chunk, ...]
    pictures: bytes

    @property
    def original(self) -> bytes:
        """Every chunk compressed by itself, as the pages of a PDF are, then the pictures."""
        return b"".join(zlib.compress(chunk.record.text.encode()) for chunk in self.chunks) + self.pictures

    def to_indexed(self) -> IndexedDocument:
        """Return the document as the writer takes it."""
        records, original = [chunk.record for chunk in self.chunks], self.original
        return IndexedDocument(
            name=self.name,
            title=self.name,
            media_type="application/pdf",
            sha256=hashlib.sha256(original).hexdigest(),
            applies_to=(),
            pages=tuple(Page(n, width=595.0, height=842.0) for n in range(1, 1 + len(records))),
            records=lambda: records,
            sentences=lambda: np.concatenate([chunk.vectors[1:] for chunk in self.chunks]),
            original=lambda: io.BytesIO(original),
        )


class Maker:
    """Makes documents out of the chunks of real packs, none like another."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        reals = [real for pack in packs for real in read_documents(pack)]
        self._real = [
            (record, np.concatenate([own[None], sentences]))
            for real in reals
            for record, own, sentences in zip(real.records, real.vectors, real.sentences, strict=True)
        ]
        self._words = list_words(reals)
        self._move = make_mover(scale_to_unit(np.concatenate([vectors for _, vectors in self._real])))
        self._chance = random.Random(0)

    def make_document(self, number: int) -> Made:
        """Make a new document; its chunks follow one another in a real pack."""
        count = self._chance.randint(*CHUNKS)
        start = self._chance.randrange(len(self._real) - count)
        pictures = self._chance.randbytes(int(self._chance.lognormvariate(*PICTURES)))
        return Made(f"{number:04}.pdf", tuple(self._make_chunk(start + i) for i in range(count)), pictures)

    def edit_document(self, document: Made) -> Made:
        """Write some chunks of the document anew, and add one in the middle."""
        chunks = [
            self._anew(chunk.record, chunk.vectors) if self._chance.random() < REWRITTEN else chunk
            for chunk in document.chunks
        ]
        chunks.insert(len(chunks) // 2, self._make_chunk(self._chance.randrange(len(self._real))))
        return replace(document, chunks=tuple(chunks))

    def make_next_version(self, documents: Sequence[Made]) -> list[Made]:
        """Return what becomes of the documents of a pack."""
        count = len(documents)
        touched = self._chance.sample(range(count), round(count * (EDITED + GONE)))
        edited, gone = touched[: round(count * EDITED)], touched[round(count * EDITED) :]
        kept = [
            self.edit_document(document) if i in edited else document
            for i, document in enumerate(documents)
            if i not in gone
        ]
        added = [self.make_document(self._chance.randrange(10_000)) for _ in range(round(count * NEW))]
        fresh = [replace(document, name=f"{document.name[:-4]}-new.pdf") for document in added]
        return sorted(kept + fresh, key=lambda document: document.name)

    def _make_chunk(self, i: int) -> Chunk:
        return self._anew(*self._real[i])

    def _anew(self, record: Record, vectors: Int8Vectors) -> Chunk:
        record = replace(record, text=exchange_words(record.text, self._words, self._chance))
        like = np.resize(vectors, (1 + len(make_sentence_texts(record)), vectors.shape[1]))
        return Chunk(record, quantise(self._move(scale_to_unit(like))))


def run(options: Namespace) -> Iterator[Figure]:
    """Size and time of a delta; the peer is the new pack compressed by itself."""
    with ExitStack() as stack:
        packs = [stack.enter_context(open_starter())]
        for manual, data in fetch_available(full=False):
            packs.append(stack.enter_context(build_pack(manual.name, {manual.document: data})))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        old, new = _make_versions(packs, folder)
        yield from _measure(old, new, folder)


def _make_versions(packs: Sequence[Pack], folder: Path) -> tuple[Path, Path]:
    maker, embedder, words = Maker(packs), packs[0].embedder, read_word_vectors(packs)
    first = [maker.make_document(number) for number in range(DOCUMENTS)]
    paths = []
    for version, documents in ("1", first), ("2", maker.make_next_version(first)):
        path = folder / f"{version}.kpack"
        vectors = np.concatenate([chunk.vectors[:1] for document in documents for chunk in document.chunks])
        say(f"writing a pack of {len(documents)} documents and {len(vectors):,} chunks")
        indexed = IndexedVectors(embedder, vectors, partition(vectors), words)
        write_pack(
            path, Manifest("large", version, "Large"), [each.to_indexed() for each in documents], indexed
        )
        paths.append(path)
    return paths[0], paths[1]


def _measure(old: Path, new: Path, folder: Path) -> Iterator[Figure]:
    delta, out = folder / "1-2.kdelta", folder / "made.kpack"
    data = new.read_bytes()
    packed, packing = _time(lambda: zstandard.ZstdCompressor(LEVEL).compress(data))
    yield Figure("new pack", len(data) / 1e6, "MB")
    yield Figure("new pack, zstd", len(packed) / 1e6, "MB")
    yield Figure("  time", packing, "s")
    patch, patching = _time(lambda: compress(data, old.read_bytes()))
    yield Figure("bytes, zstd with the old pack as base", len(patch) / 1e6, "MB")
    yield Figure("  time", patching, "s")
    size, making = _time(lambda: make(old, new, delta))
    yield Figure("delta", size / 1e6, "MB", "<= 2", len(packed) / 1e6)
    yield Figure("  time to make and check", making, "s")
    seconds, memory = _run_in_a_process(partial(_apply, old, delta, out, len(data)))
    assert out.read_bytes() == data
    yield Figure("  time to apply", seconds, "s")
    yield Figure("  memory to apply", memory / 1e6, "MB", "<= 500")


def _apply(old: Path, delta: Path, out: Path, limit: int) -> tuple[float, int]:
    """Seconds, and peak memory of this process in bytes."""
    _, seconds = _time(lambda: apply(old, delta, out, limit))
    status = Path("/proc/self/status").read_text()
    return seconds, next(
        int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")
    )


def _run_in_a_process(measure: Callable[[], tuple[float, int]]) -> tuple[float, int]:
    """Measure in a fresh process, which has no memory of making the packs."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure).result()


def _time(call: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start


if __name__ == "__main__":
    main(run)
