"""What was said in each conversation: the only state that answering writes, in ``EDGE_HOME/state.sqlite``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from edge.database import open_writable, translated
from edge.packs.files import storage_errors
from edge.types import Message

MAX_TURNS = 6
"""Turns handed back; older ones no longer say what a follow-up is about."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turn(
    id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS turn_conversation ON turn(conversation, id);
"""


class Conversations:
    """Questions and answers by conversation. Safe to use from several threads.

    Args:
        path: the state database, made when first needed. None keeps conversations in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None

    def history(self, conversation: str) -> tuple[Message, ...]:
        """The last turns of a conversation, oldest first; empty for an unknown one.

        Raises:
            StorageError, BusyError, PackError: the database cannot be made or read, is in use, or is damaged.
        """
        sql = "SELECT question, answer FROM turn WHERE conversation = ? ORDER BY id DESC LIMIT ?"
        with self._lock, self._translated():
            rows = self._open().execute(sql, (conversation, MAX_TURNS)).fetchall()
        return tuple(
            message
            for question, answer in reversed(rows)
            for message in (Message("user", question), Message("assistant", answer))
        )

    def append(self, conversation: str, question: str, answer: str) -> None:
        """Remember one turn.

        Raises:
            StorageError, BusyError, PackError: the disk is full or read-only, the database in use or damaged.
        """
        with self._lock, self._translated():
            sql = "INSERT INTO turn(conversation, question, answer) VALUES (?, ?, ?)"
            self._open().execute(sql, (conversation, question, answer))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = open_writable(self._path or Path(":memory:"))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)
            self._connection = connection
        return self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        path = self._path or Path("memory")
        with storage_errors(path), translated(path):
            yield
