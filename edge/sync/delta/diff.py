"""Make a delta. It is applied as a check: one that does not make the new pack is never handed out."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.database import read_versions
from edge.errors import PackError, UsageError
from edge.files import delete, replace_atomically, translate_os_errors
from edge.packs.format import Digests, check_digest
from edge.packs.manifest import to_json
from edge.packs.pack import Document, Pack
from edge.sync.delta.compression import MAX_BYTES
from edge.sync.delta.contents import Parts, read_parts, read_words
from edge.sync.delta.format import Bytes, ChangedDocument, Documents, Index, KeptDocuments, Writer
from edge.sync.delta.patch import apply

Content = Callable[[Path, Path, Writer], Documents | Bytes]


def make(old: Path, new: Path, out: Path) -> int:
    """Write the delta that leads from one pack to another, and return its size in bytes.

    It may be larger than the new pack: that is for the caller to see.

    Raises:
        UsageError: there is none: ``old`` is not a pack of this format, or this edge would not write ``new`` as it is
            and the files are too large to be compared byte by byte.
        NotFoundError, PackError: ``new`` is missing or damaged.
        StorageError: the disk is full or read-only. It must have room for the delta and once more the new pack.
    """
    start, end, size = _check_start(old), check_digest(new), new.stat().st_size
    check = out.with_name(f".{out.name}.check")
    with translate_os_errors(out), replace_atomically(out) as made:
        try:
            for content in (_write_documents, _write_bytes):
                with made.open("wb") as file:
                    writer = Writer(file)
                    writer.finish(Index(start.database, end.file, size, content(old, new, writer)))
                if _check_delta(old, made, check, size):
                    break
            else:
                raise UsageError(f"No delta leads to {new.name}.", "Offer the full pack.")
        finally:
            delete(check)
    return out.stat().st_size


def _check_start(old: Path) -> Digests:
    try:
        return check_digest(old)
    except PackError as error:
        raise UsageError(
            f"No delta can start from {old.name}. {error.message}", "Offer the full pack."
        ) from error


def _check_delta(old: Path, delta: Path, check: Path, size: int) -> bool:
    """Return whether the delta, applied here, makes the new pack."""
    try:
        apply(old, delta, check, size)
    except PackError:
        return False
    return True


def _write_documents(old: Path, new: Path, writer: Writer) -> Documents:
    sqlite, sqlite_vec = read_versions()
    with Pack.open(old) as before, Pack.open(new) as after:
        known = read_words(before)
        lacking = {word: vector for word, vector in read_words(after).items() if known.get(word) != vector}
        return Documents(
            sqlite=sqlite,
            sqlite_vec=sqlite_vec,
            manifest=to_json(after.manifest),
            embedder=after.embedder,
            documents=_write_entries(before, after, writer),
            words=tuple(lacking),
            word_vectors=writer.add(b"".join(lacking.values())),
        )


def _write_entries(before: Pack, after: Pack, writer: Writer) -> tuple[KeptDocuments | ChangedDocument, ...]:
    entries: list[KeptDocuments | ChangedDocument] = []
    for document in after.list_documents():
        base = _choose_base(document, before.list_documents())
        entry = _write_entry(read_parts(after, document), base.id, read_parts(before, base), writer)
        last = entries[-1] if entries else None
        if (
            isinstance(last, KeptDocuments)
            and isinstance(entry, KeptDocuments)
            and entry.first == last.first + last.count
        ):
            entries[-1] = KeptDocuments(last.first, last.count + 1)
        else:
            entries.append(entry)
    return tuple(entries)


def _choose_base(document: Document, candidates: Sequence[Document]) -> Document:
    """Return the old document with most in common: that of the same name or bytes, else the neighbour by name."""
    for candidate in candidates:
        if candidate.name == document.name:
            return candidate
    for candidate in candidates:
        if candidate.sha256 == document.sha256:
            return candidate
    ordered = sorted(candidates, key=lambda candidate: candidate.name)
    place = bisect(ordered, document.name, key=lambda candidate: candidate.name)
    return ordered[min(place, len(ordered) - 1)]


def _write_entry(new: Parts, id: int, old: Parts, writer: Writer) -> KeptDocuments | ChangedDocument:
    description, vectors = new.description(), new.vectors()
    base, base_vectors = old.description(), old.vectors()
    if description == base and vectors == base_vectors:
        return KeptDocuments(id, 1)
    return ChangedDocument(
        base=id,
        description=writer.add(description, base),
        vectors=writer.add(vectors, base_vectors),
        original=writer.add(new.original(), old.original()),
    )


def _write_bytes(old: Path, new: Path, writer: Writer) -> Bytes:
    """Write the whole file as one part, for a pack that this edge would write in another way."""
    if max(old.stat().st_size, new.stat().st_size) > MAX_BYTES:
        raise UsageError(
            f"No delta leads to {new.name}: this edge would not write it as it is.", "Offer the full pack."
        )
    return Bytes(writer.add(new.read_bytes(), old.read_bytes()))
