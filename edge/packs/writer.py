"""Writing a pack: documents, records and vectors in, one database out, the same bytes for the same input.

Nothing is read, chunked or embedded here. Tables are filled in one fixed order: rows whose index is rewritten
at the end (FTS5) come first, so that vectors and originals take over the pages that sets free.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from edge.database import open_writable, translate_sqlite_errors
from edge.packs.format import BLOCK, DOUBTS, NO_EMBEDDER, PLACES, SCHEMA, seal
from edge.packs.manifest import Manifest, to_json
from edge.packs.record import Page, Record
from edge.packs.vectors import Int8Vectors, Partition
from edge.text.identifiers import find_identifiers
from edge.text.synonyms import MAX_SYNONYMS, Synonyms, find_abbreviations
from edge.text.units import put_in_context, split_units
from edge.text.words import STOP_WORDS, Stems, make_title_words
from edge.types import Box

if TYPE_CHECKING:
    import apsw

PAGE_SIZE = 16_384
"""A block of vec0 is read in a few pieces instead of dozens: scans take 15 % less time and packs 10 % less space."""
WORD_VECTORS = 20_000
"""The most frequent words that get a vector: more than all words of a manual of 1,300 pages."""

_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document ready to be written. Its records and original are fetched when needed, one at a time."""

    name: str
    title: str
    media_type: str
    sha256: str
    applies_to: tuple[str, ...]
    pages: tuple[Page, ...]
    records: Callable[[], Sequence[Record]]
    sentences: Callable[[], Int8Vectors]
    original: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class IndexedVectors:
    """Vectors of all chunks in order, shape ``(chunks, 384)``, their cells, and the embedder's fingerprint.

    ``words`` gives the vectors of single words; it is asked once the vocabulary is known.
    """

    fingerprint: str
    vectors: Int8Vectors
    partition: Partition
    words: Callable[[Sequence[str]], Int8Vectors]


def make_embedding_text(title: str, heading: str, text: str) -> str:
    """Make the text that is embedded for a chunk: the title in front says what the text is about."""
    return "\n".join(part for part in (title, heading, text) if part)


def make_sentence_texts(record: Record) -> list[str]:
    """Make the text that is embedded for each sentence, step and row of a chunk."""
    return [put_in_context(record.heading, unit) for unit in split_units(record.text, record.kind)]


def encode_boxes(boxes: Sequence[Box]) -> str:
    """Encode boxes as the pack holds them, to a thousandth of the page (half a millimetre on A3)."""
    rows = [[b.page, *(round(side, 3) for side in (b.left, b.top, b.right, b.bottom))] for b in boxes]
    return json.dumps(rows, separators=(",", ":"))


def write_pack(
    path: Path,
    manifest: Manifest,
    documents: Sequence[IndexedDocument],
    vectors: IndexedVectors | None,
    progress: Callable[[int], None] = lambda done: None,
    mark: str = "",
    synonyms: Sequence[Synonyms] = (),
) -> str:
    """Write a pack to ``path`` (which must not exist) and return its digest. The caller makes it durable.

    Args:
        documents: in the order they shall have in the pack.
        vectors: of all their records, None for a pack that is searched by words alone.
        progress: told the number of documents indexed so far.
        mark: what a reader of the pack must know about its quality; empty for a sound one.
        synonyms: those of the publisher; abbreviations that the documents explain are added.
    """
    with translate_sqlite_errors(path):
        connection = open_writable(path)
        try:
            # A half-written file is thrown away, so neither a journal nor syncs would save anything.
            connection.execute(
                f"PRAGMA page_size = {PAGE_SIZE}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"
            ).fetchall()  # what stands behind a row runs when that is fetched
            # Not `with connection`: without a journal its rollback fails, and that would hide what went wrong.
            connection.execute("BEGIN")
            connection.execute(SCHEMA)
            _write_meta(connection, manifest, vectors.fingerprint if vectors else NO_EMBEDDER, mark)
            vocabulary = _write_documents(connection, documents, progress)
            _write_vocabulary(connection, vocabulary, vectors)
            _write_synonyms(connection, synonyms)
            if vectors:
                _write_vectors(connection, vectors)
                _write_embeddings(connection, documents, vectors.vectors)
            for id, document in enumerate(documents, start=1):
                _write_original(connection, id, document)
            connection.execute("COMMIT")
        finally:
            connection.close()
    return seal(path)


def _write_meta(connection: apsw.Connection, manifest: Manifest, embedder: str, mark: str) -> None:
    values = {"manifest": to_json(manifest), "embedder": embedder} | ({"mark": mark} if mark else {})
    connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(values.items()))


def _write_documents(
    connection: apsw.Connection, documents: Sequence[IndexedDocument], progress: Callable[[int], None]
) -> Counter[str]:
    """Write documents, chunks and the keyword index; return each word as written with the chunks that hold it."""
    vocabulary: Counter[str] = Counter()
    first = 1
    for id, document in enumerate(documents, start=1):
        records = document.records()
        _write_document(connection, id, document, first, first + len(records) - 1)
        _write_chunks(connection, id, document, records, first)
        for record in records:
            vocabulary.update(set(_find_words(document.title, record.heading, record.text)))
        first += len(records)
        progress(id)
    connection.execute("INSERT INTO keyword(keyword) VALUES ('optimize')")
    return vocabulary


def _write_document(
    connection: apsw.Connection, id: int, document: IndexedDocument, first: int, last: int
) -> None:
    connection.execute(
        "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            document.name,
            document.title,
            document.media_type,
            document.sha256,
            len(document.pages),
            json.dumps(document.applies_to, ensure_ascii=False),
            first,
            last,
        ),
    )
    connection.executemany(
        "INSERT INTO page VALUES (?, ?, ?, ?, ?)",
        ((id, page.number, page.label, page.width, page.height) for page in document.pages),
    )


def _write_chunks(
    connection: apsw.Connection, id: int, document: IndexedDocument, records: Sequence[Record], first: int
) -> None:
    title = make_title_words(document.title, document.name)
    for chunk, r in enumerate(records, start=first):
        connection.execute(
            "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (chunk, id, r.section, r.page_from, r.page_to, r.kind, r.heading, r.text, encode_boxes(r.boxes)),
        )
        codes = " ".join(find_identifiers(f"{r.heading}\n{r.text}"))
        connection.execute(
            "INSERT INTO keyword(rowid, title, heading, body, identifiers) VALUES (?, ?, ?, ?, ?)",
            (chunk, title, r.heading, r.text, codes),
        )
    _write_rows(
        connection, PLACES, [(chunk, r.place) for chunk, r in enumerate(records, start=first) if r.place]
    )
    _write_rows(
        connection, DOUBTS, [(chunk,) for chunk, r in enumerate(records, start=first) if r.is_doubtful]
    )


def _write_rows(connection: apsw.Connection, table: str, rows: Sequence[tuple[int | str, ...]]) -> None:
    """Write rows into a table that only packs with such rows have."""
    if rows:
        connection.execute(table.replace("TABLE", "TABLE IF NOT EXISTS"))
        name = table.removeprefix("CREATE TABLE ").partition("(")[0]
        connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _write_vocabulary(
    connection: apsw.Connection, vocabulary: Mapping[str, int], vectors: IndexedVectors | None
) -> None:
    """Write words, and stems as the keyword index has them: asking it at query time took 15 ms for a frequent one."""
    connection.executemany("INSERT INTO word VALUES (?, ?)", sorted(vocabulary.items()))
    connection.execute("CREATE VIRTUAL TABLE temp.term USING fts5vocab(main, keyword, col)")
    sql = "SELECT term, max(doc) FROM temp.term WHERE col <> 'title' GROUP BY term ORDER BY term"
    counts = [(str(stem), chunks) for stem, chunks in connection.execute(sql)]
    connection.execute("DROP TABLE temp.term")
    words = _choose_words(vocabulary)
    wanted = [words[stem] for stem, _ in counts if stem in words] if vectors else []
    known = dict(zip(wanted, map(bytes, vectors.words(wanted)), strict=True)) if vectors else {}
    rows = ((stem, chunks, words.get(stem), known.get(words.get(stem, ""))) for stem, chunks in counts)
    connection.executemany("INSERT INTO stem VALUES (?, ?, ?, ?)", rows)


def _write_synonyms(connection: apsw.Connection, given: Sequence[Synonyms]) -> None:
    """Write the publisher's synonyms and the abbreviations that headings and texts explain."""
    texts = connection.execute("SELECT heading || char(10) || text FROM chunk ORDER BY id")
    explained = (short for (text,) in texts for short in find_abbreviations(str(text)))
    found = list(dict.fromkeys([*given, *explained]))[:MAX_SYNONYMS]
    if found:
        connection.execute(
            "INSERT INTO meta VALUES ('synonyms', ?)", (json.dumps(found, ensure_ascii=False),)
        )


def _choose_words(vocabulary: Mapping[str, int]) -> dict[str, str]:
    """Choose the most frequent word of each stem, for as many as get a vector."""
    stems, found = Stems(), dict[str, str]()
    for word in sorted(vocabulary, key=lambda word: (-vocabulary[word], word)):
        if word not in STOP_WORDS and len(found) < WORD_VECTORS:
            found.setdefault("".join(stems.split(word)), word)
    return found


def _write_vectors(connection: apsw.Connection, indexed: IndexedVectors) -> None:
    """Write vectors cell by cell, so that those of a cell lie in neighbouring blocks."""
    cells, vectors = indexed.partition.cells, indexed.vectors
    connection.executemany(
        "INSERT INTO vector(rowid, cell, embedding) VALUES (?, ?, vec_int8(?))",
        ((int(i) + 1, int(cells[i]), vectors[i].tobytes()) for i in np.argsort(cells, kind="stable")),
    )
    means = indexed.partition.means.astype("<f4")
    connection.executemany(
        "INSERT INTO cell VALUES (?, ?)", ((i, mean.tobytes()) for i, mean in enumerate(means))
    )


def _write_embeddings(
    connection: apsw.Connection, documents: Sequence[IndexedDocument], chunks: Int8Vectors
) -> None:
    """Write one blob a chunk: they are only ever read for chunks already found."""
    chunk = 0
    for document in documents:
        sentences, at = document.sentences(), 0
        for record in document.records():
            end = at + len(make_sentence_texts(record))
            vectors = chunks[chunk].tobytes() + sentences[at:end].tobytes()
            chunk, at = chunk + 1, end
            connection.execute("INSERT INTO embedding VALUES (?, ?)", (chunk, vectors))


def _write_original(connection: apsw.Connection, id: int, document: IndexedDocument) -> None:
    with document.original() as file:
        connection.execute("INSERT INTO original VALUES (?, zeroblob(?))", (id, file.seek(0, os.SEEK_END)))
        file.seek(0)
        with connection.blob_open("main", "original", "data", id, True) as blob:
            shutil.copyfileobj(file, blob, BLOCK)


def _find_words(*texts: str) -> Iterator[str]:
    return (word for text in texts for word in _WORD.findall(text.lower()))
