"""From a source folder to a .kpack: map its documents to records and vectors, reduce these to one file, test it.

The same input gives the same bytes, interrupted or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from edge.engine.interface import Embedder
from edge.errors import SourceError, UsageError
from edge.files import delete, make_folder, replace_atomically, translate_os_errors
from edge.ingest.journal import Journal
from edge.ingest.mapping import MappedDocument, Mapper, Progress, Refusal
from edge.ingest.pool import Read
from edge.ingest.readers import get_media_type, read
from edge.ingest.source import SkippedFile, SourceFile, list_source, open_unchanged, read_synonyms_file
from edge.packs.format import NO_EMBEDDER
from edge.packs.manifest import Manifest, read_source
from edge.packs.pack import Pack
from edge.packs.vectors import Int8Vectors, partition
from edge.packs.writer import IndexedDocument, IndexedVectors, write_pack
from edge.retrieval import selftest
from edge.text.synonyms import Synonyms

__all__ = ["BuildReport", "Note", "Progress", "Refusal", "build"]

WORKERS = 2


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of a document's reader about what it left out, or read in another place than it is printed."""

    document: str
    text: str


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The result of a build.

    ``resumed`` counts the documents that an earlier attempt had read; ``mark`` is the pack's, see ``Pack.mark``.
    ``synonyms`` counts the lines of ``synonyms.csv``, ``abbreviations`` those that the documents explain.
    """

    path: Path
    manifest: Manifest
    digest: str
    size: int
    embedder: str
    documents: int
    pages: int
    chunks: int
    synonyms: int
    abbreviations: int
    resumed: int
    refused: tuple[Refusal, ...]
    skipped: tuple[SkippedFile, ...]
    notes: tuple[Note, ...]
    selftest: selftest.SelfTest
    mark: str = ""


def build(
    source: Path,
    output: Path,
    embedder: Embedder | None = None,
    progress: Callable[[Progress], None] = lambda step: None,
    *,
    workers: int = WORKERS,
    find: selftest.Find | None = None,
    read: Read = read,
    allow_poor: bool = False,
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
        allow_poor: keep a pack that does not find its own text, and mark it.

    Raises:
        SourceError: ``pack.toml`` is wrong, no document is readable, one changed meanwhile, or the finished
            pack does not find its own text.
        BusyError: another build writes to the same output.
        StorageError: the disk is full or read-only.
    """
    files, skipped = list_source(source)
    manifest = read_source(source)
    synonyms = read_synonyms_file(source)
    _check_overrides(manifest, files)
    with translate_os_errors(output), _open_journal(output) as journal:
        mapper = Mapper(manifest, embedder, journal, progress)
        documents = mapper.read(files, read, workers)
        vectors = _partition_vectors(mapper, mapper.embed(documents), embedder)
        with replace_atomically(output) as new:
            write = partial(_write, new, manifest, mapper, documents, vectors, progress, synonyms)
            digest = write()
            result = _test(new, find or selftest.make_plain_find(embedder), progress)
            mark = ""
            if not result.passed:
                if not allow_poor:
                    selftest.require(result)
                mark = f"finds only {result.found} of {result.asked} of its own sentences"
                digest = write(mark)
        journal.finish()
    return BuildReport(
        path=output,
        manifest=manifest,
        digest=digest,
        size=output.stat().st_size,
        embedder=embedder.fingerprint if embedder else NO_EMBEDDER,
        documents=len(documents),
        pages=sum(len(document.pages) for document in documents),
        chunks=sum(document.chunks for document in documents),
        synonyms=len(synonyms),
        abbreviations=_count_synonyms(output) - len(synonyms),
        resumed=mapper.resumed,
        refused=tuple(sorted(mapper.refused, key=lambda refused: refused.name)),
        skipped=tuple(skipped),
        notes=tuple(Note(document.file.name, text) for document in documents for text in document.notes),
        selftest=result,
        mark=mark,
    )


def _open_journal(output: Path) -> Journal:
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", "Give the name of the pack to write, such as pumps.kpack.")
    make_folder(output.parent)
    return Journal(output.with_name(f"{output.name}.journal"))


def _check_overrides(manifest: Manifest, files: Sequence[SourceFile]) -> None:
    names = [file.name for file in files]
    for name in manifest.documents:
        if name not in names:
            near = get_close_matches(name, names, 1)
            relative = "Names are relative to the folder, with / between parts."
            raise SourceError(
                f'pack.toml has [documents."{name}"], but there is no such document.',
                f"Did you mean '{near[0]}'?" if near else relative,
            )


def _partition_vectors(
    mapper: Mapper, vectors: Int8Vectors | None, embedder: Embedder | None
) -> IndexedVectors | None:
    if vectors is None or embedder is None:
        return None
    words = partial(mapper.embed_words, embedder)
    return IndexedVectors(embedder.fingerprint, vectors, partition(vectors), words)


def _write(
    path: Path,
    manifest: Manifest,
    mapper: Mapper,
    documents: Sequence[MappedDocument],
    vectors: IndexedVectors | None,
    progress: Callable[[Progress], None],
    synonyms: Sequence[Synonyms],
    mark: str = "",
) -> str:
    """Write the pack anew and return its digest."""

    def report(done: int) -> None:
        progress(Progress("write", documents[done - 1].file.name if done else "", done, len(documents)))

    report(0)
    delete(path)
    indexed = [_index_document(document, manifest, mapper) for document in documents]
    return write_pack(path, manifest, indexed, vectors, report, mark, synonyms)


def _index_document(document: MappedDocument, manifest: Manifest, mapper: Mapper) -> IndexedDocument:
    return IndexedDocument(
        name=document.file.name,
        title=document.title,
        media_type=get_media_type(document.file.name),
        sha256=document.sha256,
        applies_to=manifest.get_settings(document.file.name).applies_to,
        pages=document.pages,
        records=lambda: mapper.load_records(document),
        sentences=lambda: mapper.load_sentence_vectors(document),
        original=lambda: open_unchanged(document.file, document.sha256),
    )


def _count_synonyms(path: Path) -> int:
    with Pack.open(path) as pack:
        return len(pack.read_synonyms())


def _test(path: Path, find: selftest.Find, progress: Callable[[Progress], None]) -> selftest.SelfTest:
    with Pack.open(path) as pack:
        result = selftest.run(pack, find)
    progress(Progress("test", "", result.found, result.asked))
    return result
