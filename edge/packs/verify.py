"""Checks that a pack is whole and consistent, byte for byte: when installing and on request, not when opening."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge.errors import PackError
from edge.packs.format import DAMAGED, NO_EMBEDDER, Digests, check_digest
from edge.packs.pack import Document, Pack
from edge.packs.values import BUILD_AGAIN
from edge.types import DIMENSIONS


def verify(path: Path) -> Digests:
    """Check a pack from its digest to its last original.

    Returns:
        its digest, and that of the whole file, which is what a publisher signs.

    Raises:
        NotFoundError: there is no such file.
        PackError: what is wrong with it.
        StorageError: it cannot be read.
    """
    digests = check_digest(path)
    with Pack.open(path) as pack:
        _check_database(pack)
        _check_counts(pack)
        _check_vectors(pack)
        _check_words(pack)
        pack.read_synonyms()
        _check_documents(pack)
        _check_chunks(pack)
    return digests


def _check_database(pack: Pack) -> None:
    problems = [row[0] for row in pack.query("PRAGMA quick_check(5)") if row[0] != "ok"]
    if problems:
        raise PackError(f"{pack.path.name} is not a sound database: {'; '.join(problems)}.", DAMAGED)


def _check_counts(pack: Pack) -> None:
    """Check that ids are 1 to n without gaps, and that every chunk is in every index."""
    (chunks, last), words, vectors, embeddings = (
        pack.query("SELECT count(*), coalesce(max(id), 0) FROM chunk")[0],
        pack.query("SELECT count(*) FROM keyword_docsize")[0][0],
        pack.query("SELECT count(*) FROM vector_rowids")[0][0],
        pack.query("SELECT count(*) FROM embedding")[0][0],
    )
    expected = 0 if pack.embedder == NO_EMBEDDER else chunks
    if chunks != last or words != chunks or {vectors, embeddings} != {expected}:
        raise PackError(
            f"{pack.path.name} has {chunks} chunks, {words} in its keyword index and {vectors} vectors.",
            BUILD_AGAIN,
        )


def _check_vectors(pack: Pack) -> None:
    """Check that every vector has the length that searching takes for granted."""
    (wrong,) = pack.query(
        f"""
        SELECT (SELECT count(*) FROM embedding WHERE length(vectors) % {DIMENSIONS} OR vectors = x''
                OR typeof(vectors) <> 'blob')
            + (SELECT count(*) FROM stem WHERE length(vector) <> {DIMENSIONS})
            + (SELECT count(*) FROM cell WHERE length(mean) <> 4 * {DIMENSIONS} OR typeof(mean) <> 'blob')
        """
    )[0]
    if wrong:
        raise PackError(f"{pack.path.name} has vectors of another length.", BUILD_AGAIN)


def _check_documents(pack: Pack) -> None:
    """Check that documents follow one another without gaps, own their chunks and hold the original they name."""
    following = 1
    for document in pack.list_documents():
        if document.first_chunk != following or _has_foreign_chunks(pack, document):
            raise PackError(f"The chunks of {document.name} are not where they should be.", BUILD_AGAIN)
        if [page.number for page in pack.get_pages(document.id)] != list(range(1, document.pages + 1)):
            raise PackError(f"The pages of {document.name} are not counted from 1.", BUILD_AGAIN)
        following = document.last_chunk + 1
        if hashlib.sha256(pack.read_original(document.name)).hexdigest() != document.sha256:
            raise PackError(f"The original of {document.name} is not what its digest says.", DAMAGED)
    if following != pack.chunk_count + 1:
        raise PackError(f"{pack.path.name} has chunks of no document.", BUILD_AGAIN)


def _check_words(pack: Pack) -> None:
    """Check that the vocabulary holds words with numbers of chunks, which a question adds up."""
    for table, key in (("word", "word"), ("stem", "stem")):
        for word, chunks in pack.query(f"SELECT {key}, chunks FROM {table}"):
            if not isinstance(word, str) or type(chunks) is not int or not 1 <= chunks <= pack.chunk_count:
                raise PackError(f"{pack.path.name} has words that cannot be right.", BUILD_AGAIN)
    for word, vector in pack.query("SELECT word, typeof(vector) FROM stem"):
        if not isinstance(word, str | None) or vector not in ("null", "null" if word is None else "blob"):
            raise PackError(f"{pack.path.name} has words that cannot be right.", BUILD_AGAIN)


def _check_chunks(pack: Pack) -> None:
    """Check that every chunk and box stands on a page that its document has."""
    for chunk in pack.iterate_chunks():
        pages = max(pack.get_document_by_id(chunk.document).pages, 1)
        if chunk.page_to > pages or any(box.page > pages for box in chunk.boxes):
            raise PackError(f"Chunk {chunk.id} stands on a page that its document lacks.", BUILD_AGAIN)


def _has_foreign_chunks(pack: Pack, document: Document) -> bool:
    sql = "SELECT count(*) FROM chunk WHERE id BETWEEN ? AND ? AND document = ?"
    count = pack.query(sql, (document.first_chunk, document.last_chunk, document.id))[0][0]
    return bool(count != document.last_chunk - document.first_chunk + 1)
