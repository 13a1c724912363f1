"""The finished part of a build, kept beside its output, so that an interrupted build resumes.

Entries are found by a key that covers everything they depend on (bytes, name, settings), so a stale one is
never used. Readers and embedders are expensive; writing the pack is not and always starts anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from edge.database import begin_transaction, open_writable, translate_sqlite_errors
from edge.errors import PackError
from edge.ingest.chunk import ChunkedDocument
from edge.packs.record import Page, Record
from edge.packs.vectors import Int8Vectors
from edge.types import DIMENSIONS, Box

VERSION = 6
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS document(
    key TEXT PRIMARY KEY, title TEXT NOT NULL, pages TEXT NOT NULL, records TEXT NOT NULL, notes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batch(
    key TEXT NOT NULL, number INTEGER NOT NULL, vectors BLOB NOT NULL, sentences BLOB NOT NULL,
    PRIMARY KEY (key, number));
CREATE TABLE IF NOT EXISTS word(key TEXT PRIMARY KEY, vector BLOB NOT NULL);
PRAGMA user_version = {VERSION};
"""


class Journal:
    """A build's journal; a context manager. Only one process can hold it.

    Raises:
        BusyError: another build writes to the same output.
        StorageError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._finished = False
        try:
            self._open()
        except PackError:  # damaged, by a power cut for instance: it only costs time
            self._remove_files()
            self._open()

    def load_document(self, key: str) -> ChunkedDocument | None:
        """Return a document that was read earlier; None if there is none under this key."""
        rows = self._query("SELECT title, pages, records, notes FROM document WHERE key = ?", key)
        if not rows:
            return None
        title, *parts = rows[0]
        pages, records, notes = map(json.loads, parts)
        return ChunkedDocument(title, _parse_pages(pages), _parse_records(records), tuple(notes))

    def add_document(self, key: str, document: ChunkedDocument) -> None:
        """Store a document that was read."""
        pages = [[page.number, page.label, page.width, page.height] for page in document.pages]
        values = (
            key,
            document.title,
            json.dumps(pages),
            json.dumps([_dump_record(record) for record in document.records]),
            json.dumps(document.notes),
        )
        with translate_sqlite_errors(self.path), begin_transaction(self._connection):
            self._connection.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?)", values)

    def list_batches(self, key: str) -> set[int]:
        """Return the numbers of the batches of a document that have vectors."""
        rows = self._query("SELECT number FROM batch WHERE key = ?", key)
        return {int(number) for (number,) in rows}

    def add_batch(self, key: str, number: int, vectors: Int8Vectors, sentences: Int8Vectors) -> None:
        """Store the vectors of one batch of a document's records, and those of their sentences."""
        values = (key, number, vectors.tobytes(), sentences.tobytes())
        with translate_sqlite_errors(self.path), begin_transaction(self._connection):
            self._connection.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", values)

    def load_vectors(self, key: str) -> Int8Vectors:
        """Return all vectors of a document in order, shape ``(records, 384)``."""
        return self._load_column("vectors", key)

    def load_sentence_vectors(self, key: str) -> Int8Vectors:
        """Return the vectors of all sentences of a document in order, shape ``(sentences, 384)``."""
        return self._load_column("sentences", key)

    def load_word_vectors(self, keys: Sequence[str]) -> dict[str, Int8Vectors]:
        """Return the stored vectors of single words, by their keys."""
        sql = "SELECT key, vector FROM word WHERE key IN (SELECT value FROM json_each(?))"
        rows = self._query(sql, json.dumps(keys))
        return {key: np.frombuffer(vector, np.int8) for key, vector in rows}

    def add_word_vectors(self, vectors: Mapping[str, Int8Vectors]) -> None:
        """Store vectors of single words."""
        with translate_sqlite_errors(self.path), begin_transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO word VALUES (?, ?)", ((key, vector.tobytes()) for key, vector in vectors.items())
            )

    def _load_column(self, column: str, key: str) -> Int8Vectors:
        rows = self._query(f"SELECT {column} FROM batch WHERE key = ? ORDER BY number", key)
        return np.frombuffer(b"".join(row[0] for row in rows), np.int8).reshape(-1, DIMENSIONS)

    def finish(self) -> None:
        """Mark the build as done: ``close`` then deletes the journal."""
        self._finished = True

    def close(self) -> None:
        """Close the journal. It stays for the next attempt, unless the build is done or nothing is in it."""
        empty = not self._connection.execute("SELECT 1 FROM document LIMIT 1").fetchall()
        self._connection.close()
        if empty or self._finished:
            self._remove_files()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        with translate_sqlite_errors(self.path):
            self._connection = open_writable(self.path)
            try:
                self._connection.execute(
                    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL"
                ).fetchall()
                self._connection.execute("PRAGMA synchronous = NORMAL")
                if self._connection.pragma("user_version") not in (0, VERSION):
                    raise PackError(f"{self.path} was made by another version of edge.")
                with begin_transaction(self._connection):
                    self._connection.execute(_SCHEMA)
            except BaseException:
                self._connection.close()
                raise

    def _query(self, sql: str, key: str) -> list[tuple[Any, ...]]:
        with translate_sqlite_errors(self.path):
            return self._connection.execute(sql, (key,)).fetchall()

    def _remove_files(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _dump_record(record: Record) -> list[Any]:
    boxes = [[box.page, box.left, box.top, box.right, box.bottom] for box in record.boxes]
    fields = (record.kind, record.heading, record.text, record.page_from, record.page_to, record.section)
    return [*fields, boxes, record.place, record.is_doubtful]


def _parse_records(rows: Sequence[list[Any]]) -> tuple[Record, ...]:
    return tuple(
        replace(
            Record(*fields), boxes=tuple(Box(*box) for box in boxes), place=place, is_doubtful=is_doubtful
        )
        for *fields, boxes, place, is_doubtful in rows
    )


def _parse_pages(rows: Sequence[list[Any]]) -> tuple[Page, ...]:
    return tuple(Page(*row) for row in rows)
