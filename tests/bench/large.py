"""A pack of any size out of real ones: their chunks again and again, with words exchanged and vectors moved.

In every copy half of the words are exchanged for words of other chunks, so that a word stands in about the same share
of chunks as in the real packs. A copy has the vector of one of the chunk's sentences; when these are used up they come
again, moved in the directions in which real vectors differ. Nothing is embedded.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from edge.engine.interface import Vectors
from edge.packs.manifest import Manifest
from edge.packs.pack import Document, Pack
from edge.packs.record import Page, Record
from edge.packs.vectors import Int8Vectors, partition, quantise
from edge.packs.writer import IndexedDocument, IndexedVectors, make_sentence_texts, write_pack
from edge.types import DIMENSIONS
from pack_cache import hold_place
from tests.bench.program import say

EXCHANGED = 0.5
_WORD = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True)
class Real:
    """A document of a real pack: its records, a row of ``vectors`` for each, rows of ``sentences`` for each."""

    document: Document
    records: list[Record]
    vectors: Int8Vectors
    sentences: list[Int8Vectors]


@dataclass(frozen=True)
class Large:
    """The large pack, and its vectors before they were rounded (row ``i`` is chunk ``i + 1``)."""

    path: Path
    vectors: Vectors


def make_large_pack(packs: Sequence[Pack], size: int) -> Large:
    """Make a pack of ``size`` chunks out of all chunks of ``packs``, cached, one at a time."""
    reals = [real for pack in packs for real in read_documents(pack)]
    vectors = _make_vectors(reals, size)
    recipe = hashlib.sha256(Path(__file__).read_bytes() + str(size).encode())
    for pack in packs:
        recipe.update(pack.digest.encode())
    with hold_place("large", recipe.hexdigest()) as path:
        if not path.exists():
            say(
                f"writing a pack of {size:,} chunks from {sum(len(real.records) for real in reals):,} real ones"
            )
            for old in path.parent.glob("large-*.kpack"):
                old.unlink()
            rows = quantise(vectors)
            _write(
                path,
                reals,
                IndexedVectors(packs[0].embedder, rows, partition(rows), read_word_vectors(packs)),
            )
    return Large(path, vectors)


def _write(path: Path, reals: Sequence[Real], vectors: IndexedVectors) -> None:
    unfinished = path.with_suffix(".partial")
    unfinished.unlink(missing_ok=True)
    documents = list(_make_documents(reals, len(vectors.vectors)))
    write_pack(unfinished, Manifest("large", "1", "Large"), documents, vectors)
    unfinished.replace(path)


def read_documents(pack: Pack) -> Iterator[Real]:
    """Yield the documents of a pack with their vectors."""
    for document in pack.list_documents():
        ids = range(document.first_chunk, document.last_chunk + 1)
        between = "BETWEEN ? AND ? ORDER BY 1", (ids[0], ids[-1])
        rows = pack.query(f"SELECT vectors FROM embedding WHERE chunk {between[0]}", between[1])
        vectors = [np.frombuffer(blob, np.int8).reshape(-1, DIMENSIONS) for (blob,) in rows]
        records = [
            Record(c.kind, c.heading, c.text, c.page_from, c.page_to, c.section, c.boxes)
            for c in pack.get_chunks(ids)
        ]
        yield Real(document, records, np.stack([each[0] for each in vectors]), [each[1:] for each in vectors])


def read_word_vectors(packs: Sequence[Pack]) -> Callable[[Sequence[str]], Int8Vectors]:
    """Return the vectors that these packs have of words; their chunks hold no others."""
    known = {
        word: np.frombuffer(vector, np.int8)
        for pack in packs
        for word, vector in pack.query("SELECT word, vector FROM stem WHERE vector IS NOT NULL")
    }
    nothing = np.zeros(DIMENSIONS, np.int8)
    return lambda words: np.stack([known.get(word, nothing) for word in words])


def _make_vectors(reals: Sequence[Real], size: int) -> Vectors:
    """Make, copy by copy, a vector for each chunk: its own, then those of its sentences, then these again, moved."""
    sources = [
        np.concatenate([own[None], sentences])
        for real in reals
        for own, sentences in zip(real.vectors, real.sentences, strict=True)
    ]
    move = make_mover(scale_to_unit(np.concatenate(sources)))
    copies: list[Vectors] = []
    for copy in range(-(-size // len(sources))):
        rows = scale_to_unit(np.stack([source[copy % len(source)] for source in sources]))
        seen = np.array([copy >= len(source) for source in sources])
        copies.append(np.where(seen[:, None], move(rows), rows))
    return np.concatenate(copies)[:size]


def make_mover(real: Vectors) -> Callable[[Vectors], Vectors]:
    """Make what moves vectors by noise with the covariance of real ones, and towards another real one."""
    mean = real.mean(axis=0)
    spread = np.linalg.cholesky(np.cov((real - mean).T) + 1e-8 * np.eye(DIMENSIONS)).astype(np.float32)
    generator = np.random.default_rng(0)

    def move(rows: Vectors) -> Vectors:
        noise = generator.standard_normal(rows.shape, dtype=np.float32) @ spread.T
        others = real[generator.integers(0, len(real), len(rows))] - mean
        return scale_to_unit(rows + 0.35 * noise + 0.25 * others)

    return move


def list_words(reals: Sequence[Real]) -> list[str]:
    """Return every word of every chunk, as often as it stands there."""
    return [word for real in reals for record in real.records for word in _WORD.findall(record.text)]


def exchange_words(text: str, words: Sequence[str], chance: random.Random) -> str:
    """Exchange half of the words of a text for some of ``words``."""
    return _WORD.sub(lambda match: chance.choice(words) if chance.random() < EXCHANGED else match[0], text)


def scale_to_unit(rows: Int8Vectors | Vectors) -> Vectors:
    """Scale vectors to unit length."""
    floats = rows.astype(np.float32)
    result: Vectors = floats / np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-9)
    return result


def _make_documents(reals: Sequence[Real], size: int) -> Iterator[IndexedDocument]:
    """Yield documents in the order of the vectors, until there are ``size`` chunks."""
    words = list_words(reals)
    left = size
    for copy in count():
        for real in reals:
            if left <= 0:
                return
            taken = min(left, len(real.records))
            left -= taken
            yield _copy_document(real, copy, taken, words)


def _copy_document(real: Real, copy: int, taken: int, words: Sequence[str]) -> IndexedDocument:
    document = real.document
    records = partial(_copy_records, real, copy, taken, words)
    return IndexedDocument(
        name=f"{copy}/{document.name}",
        title=document.title,
        media_type="text/plain",
        sha256=document.sha256,
        applies_to=(),
        pages=tuple(Page(n) for n in range(1, document.pages + 1)),
        records=records,
        sentences=partial(_repeat_sentences, real, records),
        original=lambda: io.BytesIO(b"-"),
    )


def _copy_records(real: Real, copy: int, taken: int, words: Sequence[str]) -> list[Record]:
    if not copy:
        return real.records[:taken]
    chance = random.Random(f"{copy} {real.document.name}")
    return [
        replace(record, text=exchange_words(record.text, words, chance)) for record in real.records[:taken]
    ]


def _repeat_sentences(real: Real, records: Callable[[], list[Record]]) -> Int8Vectors:
    """Return the vectors of the real sentences, repeated or cut to as many as the new text has."""
    parts = [
        np.resize(vectors, (len(make_sentence_texts(record)), DIMENSIONS))
        for record, vectors in zip(records(), real.sentences, strict=False)
    ]
    return np.concatenate(parts)
