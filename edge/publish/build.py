"""From a source folder to a .kpack: read and cut every document, embed, write, test, put in place.

The first two steps are a map over documents, kept in a journal so that an interrupted build resumes; the rest
reduces them to one file. The same input gives the same bytes, interrupted or not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from edge import __version__
from edge.engine.interface import Embedder
from edge.errors import DocumentError, SourceError, UsageError
from edge.packs.files import delete, replace, storage_errors, sync_file
from edge.packs.format import FORMAT, NO_EMBEDDER
from edge.packs.manifest import MAX_TITLE, Manifest, read_source
from edge.packs.pack import Pack
from edge.packs.quantise import quantise
from edge.publish import selftest
from edge.publish.cut import CutDocument, approximate_tokens, cut
from edge.publish.document import Page, Record, SourceDocument
from edge.publish.index import IndexedDocument, IndexedVectors, embedding_text, write_pack
from edge.publish.journal import Journal
from edge.publish.readers import SUFFIXES, media_type, read
from edge.publish.reading import Read, read_all
from edge.publish.selftest import Find
from edge.publish.source import (
    Skipped,
    SourceFile,
    list_source,
    open_unchanged,
    sha256_of,
)
from edge.publish.vectors import partition

Stage = Literal["read", "embed", "write", "test"]

WORKERS = 2
BATCH = 32
"""Records embedded and journaled together: 2-3 s of work on two cores is all an interruption can cost."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is. ``done`` and ``total`` count documents, chunks when embedding."""

    stage: Stage
    document: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that could not be read, why, and what to do about it."""

    name: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What came out of a build. ``resumed`` is the number of documents that an earlier attempt had already
    read."""

    path: Path
    manifest: Manifest
    digest: str
    size: int
    embedder: str
    documents: int
    pages: int
    chunks: int
    resumed: int
    refused: tuple[Refused, ...]
    skipped: tuple[Skipped, ...]
    selftest: selftest.SelfTest


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A document that has been read; its records and vectors are in the journal under ``key``."""

    file: SourceFile
    key: str
    sha256: str
    title: str
    pages: tuple[Page, ...]
    chunks: int


def build(
    source: Path,
    output: Path,
    embedder: Embedder | None = None,
    progress: Callable[[Progress], None] = lambda step: None,
    *,
    workers: int = WORKERS,
    find: Find | None = None,
    read: Read = read,
) -> BuildReport:
    """Build the pack of a source folder. Interrupted, it resumes from ``OUTPUT.journal`` when called again.

    Args:
        source: a folder with ``pack.toml`` and documents.
        output: the .kpack to write; replaced at the very end, when the new one has passed its test.
        embedder: without one the pack is searched by words alone.
        progress: called after every step; what it raises interrupts the build.
        workers: processes that read documents; 0 reads in this one.
        find: the search that the pack is tested with.
        read: turns a document's bytes into blocks.

    Raises:
        SourceError: ``pack.toml`` is wrong, no document is readable, one changed meanwhile, or the finished
            pack does not find its own text.
        BusyError: another build writes to the same output.
        StorageError: the disk is full or read-only.
    """
    manifest = read_source(source)
    files, skipped = list_source(source)
    _check_overrides(manifest, files)
    temporary = output.with_name(f".{output.name}.partial")
    with storage_errors(output), _opened_journal(output) as journal:
        builder = _Builder(manifest, embedder, journal, progress)
        documents = builder.read(files, read, workers)
        vectors = builder.embed(documents)
        try:
            digest = builder.write(temporary, documents, vectors)
            result = builder.test(temporary, find or selftest.plain_find(embedder))
            sync_file(temporary)
            size = temporary.stat().st_size
            replace(temporary, output)
        finally:
            delete(temporary)
        journal.delete()
    return BuildReport(
        path=output,
        manifest=manifest,
        digest=digest,
        size=size,
        embedder=embedder.fingerprint if embedder else NO_EMBEDDER,
        documents=len(documents),
        pages=sum(len(document.pages) for document in documents),
        chunks=sum(document.chunks for document in documents),
        resumed=builder.resumed,
        refused=tuple(sorted(builder.refused, key=lambda refused: refused.name)),
        skipped=tuple(skipped),
        selftest=result,
    )


class _Builder:
    """The steps of one build; each can be repeated, since what is done is in the journal."""

    def __init__(
        self,
        manifest: Manifest,
        embedder: Embedder | None,
        journal: Journal,
        progress: Callable[[Progress], None],
    ) -> None:
        self.manifest = manifest
        self.embedder = embedder
        self.journal = journal
        self.progress = progress
        self.refused: list[Refused] = []
        self.resumed = 0

    def read(self, files: Sequence[SourceFile], read: Read, workers: int) -> list[_Mapped]:
        """Read and cut every document that the journal lacks; those that cannot be read are set aside."""
        found: dict[str, _Mapped] = {}
        missing: dict[str, str] = {}
        for file in files:
            with self._refusing(file):
                sha256 = sha256_of(file)
                if known := self.journal.document(self._key(file, sha256)):
                    found[file.name] = self._mapped(file, sha256, known)
                else:
                    missing[file.name] = sha256
        self.resumed = len(found)
        unread = [file for file in files if file.name in missing]
        self.progress(Progress("read", "", len(files) - len(unread), len(files)))
        for done, (file, document) in enumerate(
            read_all(unread, read, workers), len(files) - len(unread) + 1
        ):
            with self._refusing(file):
                if isinstance(document, DocumentError):
                    raise document
                found[file.name] = self._cut(file, missing[file.name], document)
            self.progress(Progress("read", file.name, done, len(files)))
        if not found:
            reasons = " ".join(refused.reason for refused in self.refused[:5])
            raise SourceError(
                f"There is no readable document. {reasons}".rstrip(),
                f"Put documents beside pack.toml: {', '.join(sorted(SUFFIXES))}.",
            )
        return [found[file.name] for file in files if file.name in found]

    def embed(self, documents: Sequence[_Mapped]) -> IndexedVectors | None:
        """Vectors of all chunks in order; only what the journal lacks is computed."""
        if self.embedder is None:
            return None
        total, done = sum(document.chunks for document in documents), 0
        self.progress(Progress("embed", "", 0, total))
        for document in documents:
            for embedded in self._embed_one(document, self.embedder):
                self.progress(Progress("embed", document.file.name, done + embedded, total))
            done += document.chunks
        vectors = np.concatenate([self.journal.vectors(document.key) for document in documents])
        return IndexedVectors(self.embedder.fingerprint, vectors, partition(vectors))

    def write(self, path: Path, documents: Sequence[_Mapped], vectors: IndexedVectors | None) -> str:
        """Write the pack to a path of no other use and return its digest."""
        delete(path)
        self.progress(Progress("write", "", 0, len(documents)))

        def progress(done: int) -> None:
            self.progress(Progress("write", documents[done - 1].file.name, done, len(documents)))

        return write_pack(path, self.manifest, [self._indexed(d) for d in documents], vectors, progress)

    def test(self, path: Path, find: Find) -> selftest.SelfTest:
        """Search the finished pack for its own sentences."""
        with Pack.open(path) as pack:
            result = selftest.run(pack, find)
        selftest.require(result)
        self.progress(Progress("test", "", result.found, result.asked))
        return result

    @contextmanager
    def _refusing(self, file: SourceFile) -> Iterator[None]:
        try:
            yield
        except DocumentError as error:
            self.refused.append(Refused(file.name, error.message, error.hint))

    def _cut(self, file: SourceFile, sha256: str, document: SourceDocument) -> _Mapped:
        count_tokens = self.embedder.count_tokens if self.embedder else approximate_tokens
        read = cut(file.name, document, count_tokens)
        self.journal.add_document(self._key(file, sha256), read)
        return self._mapped(file, sha256, read)

    def _mapped(self, file: SourceFile, sha256: str, read: CutDocument) -> _Mapped:
        key, title = self._key(file, sha256), self._title(file, read.title)
        return _Mapped(file, key, sha256, title, read.pages, len(read.records))

    def _embed_one(self, document: _Mapped, embedder: Embedder) -> Iterator[int]:
        """Embed batch by batch; yields the number of this document's chunks that are done."""
        finished = self.journal.batches(document.key)
        numbers = range(-(-document.chunks // BATCH))
        if finished.issuperset(numbers):
            yield document.chunks
            return
        read = self.journal.document(document.key)
        records = read.records if read else ()
        for number in numbers:
            batch = records[number * BATCH : (number + 1) * BATCH]
            if number not in finished:
                texts = [embedding_text(document.title, record.heading, record.text) for record in batch]
                self.journal.add_batch(document.key, number, quantise(embedder.embed(texts)))
            yield number * BATCH + len(batch)

    def _indexed(self, document: _Mapped) -> IndexedDocument:
        settings = self.manifest.of(document.file.name)

        def records() -> Sequence[Record]:
            read = self.journal.document(document.key)
            return read.records if read else ()

        return IndexedDocument(
            name=document.file.name,
            title=document.title,
            media_type=media_type(document.file.name),
            sha256=document.sha256,
            applies_to=settings.applies_to,
            pages=document.pages,
            records=records,
            original=lambda: open_unchanged(document.file, document.sha256),
        )

    def _title(self, file: SourceFile, own: str) -> str:
        stem = PurePosixPath(file.name).stem
        title = self.manifest.of(file.name).title or own or re.sub(r"[-_]+", " ", stem)
        return " ".join(title.split())[:MAX_TITLE] or stem

    def _key(self, file: SourceFile, sha256: str) -> str:
        """Covers everything that records and vectors depend on."""
        title = self.manifest.of(file.name).title
        model = self.embedder.fingerprint if self.embedder else NO_EMBEDDER
        values = [file.name, sha256, title, model, __version__, FORMAT, BATCH]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _opened_journal(output: Path) -> Journal:
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", "Give the name of the pack to write, such as pumps.kpack.")
    output.parent.mkdir(parents=True, exist_ok=True)
    return Journal(output.with_name(f"{output.name}.journal"))


def _check_overrides(manifest: Manifest, files: Sequence[SourceFile]) -> None:
    names = [file.name for file in files]
    for name in manifest.documents:
        if name not in names:
            near = get_close_matches(name, names, 1)
            raise SourceError(
                f'pack.toml has [documents."{name}"], but there is no such document.',
                f"Did you mean '{near[0]}'?"
                if near
                else "Names are relative to the folder, with / between parts.",
            )
