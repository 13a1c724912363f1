"""Apply a delta: from the old pack and the changes, write the new pack to the last byte or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from edge.database import read_versions, translate_untrusted_errors
from edge.errors import PackError
from edge.files import delete, hash_file, replace_atomically, translate_os_errors
from edge.packs.format import NO_EMBEDDER, read_trailer
from edge.packs.manifest import from_json
from edge.packs.pack import Pack
from edge.packs.vectors import Int8Vectors, partition
from edge.packs.writer import IndexedVectors, write_pack
from edge.sync.delta.compression import INSTEAD
from edge.sync.delta.contents import Parts, index_document, parse_vectors, read_parts, read_words
from edge.sync.delta.format import Bytes, ChangedDocument, Documents, KeptDocuments, Reader, open_delta

Progress = Callable[[int, int], None]


def apply(
    old: Path, delta: Path, out: Path, limit: int, progress: Progress = lambda done, total: None
) -> None:
    """Make the new pack out of the old one. ``out`` is replaced at the very end, durably.

    Args:
        old: the .kpack that the delta starts from.
        limit: the most bytes that the new pack may have, and what the delta holds once expanded.
        progress: told how many of how many documents are written; what it raises interrupts.

    Raises:
        PackError: the delta starts from another pack, relies on another SQLite, is damaged or larger than ``limit``;
            whatever is wrong, the full pack can be taken instead.
        NotFoundError: there is no such pack.
        StorageError: the disk is full or read-only. It must have room for the new pack.
    """
    with translate_os_errors(out), open_delta(delta, limit) as reader:
        if read_trailer(old).digest != reader.index.old:
            raise PackError(f"The delta does not start from {old.name}.", INSTEAD)
        with replace_atomically(out) as made:
            delete(made)
            _write(old, reader, made, progress)
            if (made.stat().st_size, hash_file(made)) != (reader.index.size, reader.index.new):
                raise PackError("What the delta makes is not the new pack.", INSTEAD)


def _write(old: Path, reader: Reader, path: Path, progress: Progress) -> None:
    content = reader.index.content
    if isinstance(content, Bytes):
        path.write_bytes(reader.read(content.file, old.read_bytes()))
        return
    if (content.sqlite, content.sqlite_vec) != read_versions():
        raise PackError(
            f"The delta was made with SQLite {content.sqlite} and sqlite-vec {content.sqlite_vec}; "
            f"this edge has {' and '.join(read_versions())}.",
            INSTEAD,
        )
    with Pack.open(old) as pack:
        _write_documents(pack, reader, content, path, progress)


def _write_documents(pack: Pack, reader: Reader, content: Documents, path: Path, progress: Progress) -> None:
    embedded = content.embedder != NO_EMBEDDER
    found = [index_document(parts, embedded) for parts in _collect_parts(pack, reader, content)]
    vectors = _collect_vectors(pack, reader, content, [chunks for _, chunks in found]) if embedded else None

    def step(done: int) -> None:
        if path.stat().st_size > reader.index.size:
            raise PackError("The delta makes more than the new pack.", INSTEAD)
        progress(done, len(found))

    with translate_untrusted_errors(path):
        write_pack(path, from_json(content.manifest), [document for document, _ in found], vectors, step)


def _collect_parts(pack: Pack, reader: Reader, content: Documents) -> Iterator[Parts]:
    """Yield the parts of all documents of the new pack in order."""
    documents = {document.id: document for document in pack.list_documents()}
    left = dict(documents)  # none is kept twice, or a small delta could fill the memory
    try:
        for entry in content.documents:
            if isinstance(entry, KeptDocuments):
                for id in range(entry.first, entry.first + entry.count):
                    yield read_parts(pack, left.pop(id))
            else:
                yield _expand_parts(reader, entry, read_parts(pack, documents[entry.base]))
    except KeyError as error:
        raise PackError(f"The delta refers to document {error}, which is not there.", INSTEAD) from error


def _expand_parts(reader: Reader, entry: ChangedDocument, base: Parts) -> Parts:
    return Parts(
        description=lambda: reader.read(entry.description, base.description()),
        vectors=lambda: reader.read(entry.vectors, base.vectors()),
        original=lambda: reader.read(entry.original, base.original()),
    )


def _collect_vectors(
    pack: Pack, reader: Reader, content: Documents, chunks: Sequence[Int8Vectors]
) -> IndexedVectors:
    known = read_words(pack) | _read_word_vectors(reader, content)

    def find(wanted: Sequence[str]) -> Int8Vectors:
        if missing := [word for word in wanted if word not in known]:
            raise PackError(f"The delta lacks the vector of '{missing[0]}'.", INSTEAD)
        return parse_vectors(b"".join(known[word] for word in wanted))

    together = np.concatenate([parse_vectors(b""), *chunks])
    return IndexedVectors(content.embedder, together, partition(together), find)


def _read_word_vectors(reader: Reader, content: Documents) -> dict[str, bytes]:
    vectors = parse_vectors(reader.read(content.word_vectors))
    if len(vectors) != len(content.words):
        raise PackError("The delta does not have a vector for each word.", INSTEAD)
    return {word: vector.tobytes() for word, vector in zip(content.words, vectors, strict=True)}
