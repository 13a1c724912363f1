"""What was said in each conversation, for whoever asks on and for the language model that goes on from there."""

from __future__ import annotations

from pathlib import Path

from edge.prompt.conversation import Exchange, make_plain_exchange
from edge.prompt.stored import dump_exchange, load_exchange
from edge.state import StateTable
from edge.types import Message

MAX_TURNS = 6
"""Turns handed back; older ones no longer say what a follow-up is about."""

MAX_EXCHANGES = 64
KEPT_EXCHANGES = 1000
"""Turns of which the passages are kept, over all conversations: some 15 MB. Older ones are plain text."""

PLAIN_EXCHANGES = 2
"""Of turns that no language model saw: enough to know what "it" is."""

NOT_SENT = Exchange("", "")
"""A turn that language models need not know of."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turn(
    id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS turn_conversation ON turn(conversation, id);
"""
_COLUMNS = {"exchange": "ALTER TABLE turn ADD COLUMN exchange TEXT"}
"""Not in the schema: edge 0.1 made tables without it."""


class Conversations:
    """Questions and answers by conversation. Safe to use from several threads.

    Args:
        path: the state database, made when first needed. None keeps conversations in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._table = StateTable(path, _SCHEMA, "turn", _COLUMNS)

    def history(self, conversation: str) -> tuple[Message, ...]:
        """The last turns of a conversation, oldest first; empty for an unknown one.

        Raises:
            StorageError, BusyError, PackError: the database cannot be made or read, is in use, or is damaged.
        """
        sql = "SELECT question, answer FROM turn WHERE conversation = ? ORDER BY id DESC LIMIT ?"
        with self._table.connection() as connection:
            rows = connection.execute(sql, (conversation, MAX_TURNS)).fetchall()
        return tuple(
            message
            for question, answer in reversed(rows)
            for message in (Message("user", question), Message("assistant", answer))
        )

    def exchanges(self, conversation: str) -> tuple[Exchange, ...]:
        """The turns that stood in the last prompt, with that one and what was said since, oldest first.

        Raises:
            StorageError, BusyError, PackError: as ``history``.
        """
        sql = "SELECT question, answer, exchange FROM turn WHERE conversation = ? ORDER BY id DESC LIMIT ?"
        with self._table.connection() as connection:
            rows = connection.execute(sql, (conversation, MAX_EXCHANGES)).fetchall()
        found = [_exchange(*row) for row in reversed(rows)]
        exchanges = [exchange for exchange in found if exchange != NOT_SENT]
        for position in reversed(range(len(exchanges))):
            before = exchanges[position].before
            if before is not None:
                return tuple(exchanges[max(0, position - before) :])
        return tuple(exchanges[-PLAIN_EXCHANGES:])

    def append(self, conversation: str, question: str, answer: str, exchange: Exchange | None = None) -> None:
        """Remember one turn.

        Args:
            conversation: its id.
            question, answer: what was said.
            exchange: the same as a language model saw it; None for one that saw no passages.

        Raises:
            StorageError, BusyError, PackError: the disk is full or read-only, the database in use or damaged.
        """
        sql = "INSERT INTO turn(conversation, question, answer, exchange) VALUES (?, ?, ?, ?)"
        stored = None if exchange is None else dump_exchange(exchange)
        with self._table.connection() as connection:
            connection.execute(sql, (conversation, question, answer, stored))
            old = connection.last_insert_rowid() - KEPT_EXCHANGES
            connection.execute("UPDATE turn SET exchange = NULL WHERE id = ?", (old,))

    def close(self) -> None:
        """Close the database."""
        self._table.close()


def _exchange(question: str, answer: str, stored: str | None) -> Exchange:
    return (load_exchange(stored) if stored else None) or make_plain_exchange(question, answer)
