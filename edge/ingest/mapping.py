"""The map of a build: turn every document into records and vectors, and keep them in the journal.

What a document becomes depends on its bytes, its name and the settings alone, so the work can be interrupted anywhere
and done in any order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from edge import __version__
from edge.engine.interface import Embedder
from edge.errors import DocumentError, SourceError
from edge.ingest.chunk import ChunkedDocument, chunk_document, estimate_tokens
from edge.ingest.journal import Journal
from edge.ingest.pool import Outcome, Read, read_all
from edge.ingest.readers import SUFFIXES
from edge.ingest.source import SourceFile, hash_file
from edge.packs.format import FORMAT, NO_EMBEDDER
from edge.packs.manifest import MAX_TITLE, Manifest
from edge.packs.record import Page, Record
from edge.packs.vectors import Int8Vectors, quantise
from edge.packs.writer import make_embedding_text, make_sentence_texts
from edge.types import DIMENSIONS

Stage = Literal["read", "embed", "write", "words", "test"]

BATCH = 32
"""Records embedded and journaled together: 2-3 s of work on two cores is all an interruption can cost."""
WORD_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a stage. ``done`` and ``total`` count documents, chunks (embed), words, or sentences (test)."""

    stage: Stage
    document: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that could not be read, with the reason and what to do about it."""

    name: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class MappedDocument:
    """A document that has been read; its records and vectors are in the journal under ``key``."""

    file: SourceFile
    key: str
    sha256: str
    title: str
    pages: tuple[Page, ...]
    chunks: int
    notes: tuple[str, ...]


class Mapper:
    """Reads, divides and embeds documents. ``refused`` and ``resumed`` tell what happened in ``read``."""

    def __init__(
        self,
        manifest: Manifest,
        embedder: Embedder | None,
        journal: Journal,
        progress: Callable[[Progress], None],
    ) -> None:
        self.refused: list[Refusal] = []
        self.resumed = 0
        self._manifest = manifest
        self._embedder = embedder
        self._journal = journal
        self._progress = progress

    def read(self, files: Sequence[SourceFile], read: Read, workers: int) -> list[MappedDocument]:
        """Read and divide every document that the journal lacks; those that cannot be read are set aside.

        Raises:
            SourceError: none can be read.
        """
        found, unread = self._find_known(files)
        self.resumed = len(found)
        self._progress(Progress("read", "", len(files) - len(unread), len(files)))
        for file, document in read_all(list(unread), read, workers):
            with self._record_refusal(file):
                found[file] = self._chunk(file, unread.pop(file), document)
            self._progress(Progress("read", file.name, len(files) - len(unread), len(files)))
        if not found:
            reasons = " ".join(refused.reason for refused in self.refused[:5])
            raise SourceError(
                f"There is no readable document. {reasons}".rstrip(),
                " ".join(dict.fromkeys(refused.hint for refused in self.refused[:5]))
                or f"Put documents beside pack.toml: {', '.join(sorted(SUFFIXES))}.",
            )
        return [found[file] for file in files if file in found]

    def embed(self, documents: Sequence[MappedDocument]) -> Int8Vectors | None:
        """Return the vectors of all chunks in order, shape ``(chunks, 384)``; embed only what the journal lacks.

        Returns:
            None when there is no embedder.
        """
        if self._embedder is None:
            return None
        total, done = sum(document.chunks for document in documents), 0
        self._progress(Progress("embed", "", 0, total))
        for document in documents:
            for embedded in self._embed_document(document, self._embedder):
                self._progress(Progress("embed", document.file.name, done + embedded, total))
            done += document.chunks
        return np.concatenate([self._journal.load_vectors(document.key) for document in documents])

    def load_sentence_vectors(self, document: MappedDocument) -> Int8Vectors:
        """Return the vectors of the sentences of an embedded document, see ``packs.writer.sentence_texts``."""
        return self._journal.load_sentence_vectors(document.key)

    def embed_words(self, embedder: Embedder, words: Sequence[str]) -> Int8Vectors:
        """Return the vectors of single words, shape ``(words, 384)``; embed only those that the journal lacks."""
        keys = {word: _hash(["word", word, embedder.fingerprint]) for word in words}
        known = self._journal.load_word_vectors(list(keys.values()))
        missing = [word for word in words if keys[word] not in known]
        self._progress(Progress("words", "", len(words) - len(missing), len(words)))
        for start in range(0, len(missing), WORD_BATCH):
            batch = missing[start : start + WORD_BATCH]
            vectors = dict(zip(map(keys.__getitem__, batch), quantise(embedder.embed(batch)), strict=True))
            self._journal.add_word_vectors(vectors)
            known |= vectors
            done = len(words) - len(missing) + start + len(batch)
            self._progress(Progress("words", "", done, len(words)))
        rows: Int8Vectors = np.array([known[keys[word]] for word in words], np.int8).reshape(-1, DIMENSIONS)
        return rows

    def load_records(self, document: MappedDocument) -> Sequence[Record]:
        """Return the records of a document that has been read."""
        read = self._journal.load_document(document.key)
        return read.records if read else ()

    @contextmanager
    def _record_refusal(self, file: SourceFile) -> Iterator[None]:
        try:
            yield
        except DocumentError as error:
            self.refused.append(Refusal(file.name, error.message, error.hint))

    def _find_known(
        self, files: Sequence[SourceFile]
    ) -> tuple[dict[SourceFile, MappedDocument], dict[SourceFile, str]]:
        """Return the documents in the journal, and the digests of those that it lacks."""
        found: dict[SourceFile, MappedDocument] = {}
        unread: dict[SourceFile, str] = {}
        for file in files:
            with self._record_refusal(file):
                sha256 = hash_file(file)
                if known := self._journal.load_document(self._make_key(file, sha256)):
                    found[file] = self._make_document(file, sha256, known)
                else:
                    unread[file] = sha256
        return found, unread

    def _chunk(self, file: SourceFile, sha256: str, document: Outcome) -> MappedDocument:
        if isinstance(document, DocumentError):
            raise document
        count_tokens = self._embedder.count_tokens if self._embedder else estimate_tokens
        read = chunk_document(file.name, document, count_tokens)
        self._journal.add_document(self._make_key(file, sha256), read)
        return self._make_document(file, sha256, read)

    def _make_document(self, file: SourceFile, sha256: str, read: ChunkedDocument) -> MappedDocument:
        key, title = self._make_key(file, sha256), self._choose_title(file, read.title)
        return MappedDocument(file, key, sha256, title, read.pages, len(read.records), read.notes)

    def _embed_document(self, document: MappedDocument, embedder: Embedder) -> Iterator[int]:
        """Embed batch by batch; yield the number of this document's chunks that are done."""
        finished = self._journal.list_batches(document.key)
        numbers = range(-(-document.chunks // BATCH))
        if finished.issuperset(numbers):
            yield document.chunks
            return
        records = self.load_records(document)
        for number in numbers:
            batch = records[number * BATCH : (number + 1) * BATCH]
            if number not in finished:
                texts = [make_embedding_text(document.title, record.heading, record.text) for record in batch]
                spoken = [text for record in batch for text in make_sentence_texts(record)]
                vectors = quantise(embedder.embed([*texts, *spoken]))
                self._journal.add_batch(document.key, number, vectors[: len(batch)], vectors[len(batch) :])
            yield number * BATCH + len(batch)

    def _choose_title(self, file: SourceFile, own: str) -> str:
        stem = PurePosixPath(file.name).stem
        title = self._manifest.get_settings(file.name).title or own or re.sub(r"[-_]+", " ", stem)
        return " ".join(title.split())[:MAX_TITLE] or stem

    def _make_key(self, file: SourceFile, sha256: str) -> str:
        """Hash everything that records and vectors depend on."""
        title = self._manifest.get_settings(file.name).title
        model = self._embedder.fingerprint if self._embedder else NO_EMBEDDER
        return _hash([file.name, sha256, title, model, __version__, FORMAT, BATCH])


def _hash(values: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
