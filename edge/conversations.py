"""What was said in each conversation, for whoever asks on and for the language model that goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError
from edge.prompt.conversation import Exchange, make_plain_exchange
from edge.prompt.stored import dump_exchange, load_exchange
from edge.state import Connection, StateTable
from edge.types import Message

MAX_TURNS = 6
"""Turns handed back; older ones no longer say what a follow-up is about."""

MAX_EXCHANGES = 64
KEPT_EXCHANGES = 1000
"""Turns of which the passages are kept, over all conversations: some 15 MB. Older ones are plain text."""

MAX_KEPT = 100_000
"""Turns that are kept, over all conversations."""

PRUNE_EVERY_S = 3600

PLAIN_EXCHANGES = 2
"""Of turns that no language model saw: enough to know what "it" is."""

NOT_SENT = Exchange("", "")
"""A turn that language models need not know of."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turn(
    id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS turn_conversation ON turn(conversation, id);
"""
_COLUMNS = {
    "exchange": "ALTER TABLE turn ADD COLUMN exchange TEXT",
    "time": "ALTER TABLE turn ADD COLUMN time INTEGER",
}
"""Not in the schema: edge 0.1 made tables without them. ``time`` is in seconds since 1970."""


class Conversations:
    """Questions and answers by conversation. Safe to use from several threads.

    Args:
        path: the state database, made when first needed; in memory while it cannot be used. None: in memory only.
        days: how long a turn is kept; 0 for ever.
        clock: seconds since 1970.
    """

    def __init__(self, path: Path | None, days: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._table = StateTable(path, _SCHEMA, "turn", _COLUMNS)
        self._days, self._clock = days, clock
        self._pruned_at = 0.0

    @property
    def problem(self) -> EdgeError | None:
        """Why conversations are kept in memory for now; None while all is well."""
        return self._table.problem

    def read_history(self, conversation: str) -> tuple[Message, ...]:
        """Return the last turns of a conversation, oldest first; nothing for an unknown one."""
        sql = "SELECT question, answer FROM turn WHERE conversation = ? ORDER BY id DESC LIMIT ?"
        rows = self._table.run(lambda table: table.execute(sql, (conversation, MAX_TURNS)).fetchall())
        return tuple(
            message
            for question, answer in reversed(rows)
            for message in (Message("user", question), Message("assistant", answer))
        )

    def read_exchanges(self, conversation: str) -> tuple[Exchange, ...]:
        """Return the turns that stood in the last prompt, with that one and what was said since, oldest first."""
        sql = "SELECT question, answer, exchange FROM turn WHERE conversation = ? ORDER BY id DESC LIMIT ?"
        rows = self._table.run(lambda table: table.execute(sql, (conversation, MAX_EXCHANGES)).fetchall())
        found = [_make_exchange(*row) for row in reversed(rows)]
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
        """
        sql = "INSERT INTO turn(conversation, question, answer, exchange, time) VALUES (?, ?, ?, ?, ?)"
        now = self._clock()
        row = (conversation, question, answer, dump_exchange(exchange) if exchange else None, int(now))

        def write(table: Connection) -> None:
            table.execute(sql, row)
            old = table.last_insert_rowid() - KEPT_EXCHANGES
            table.execute("UPDATE turn SET exchange = NULL WHERE id = ?", (old,))
            if now - self._pruned_at >= PRUNE_EVERY_S:
                self._pruned_at = now
                self._prune(table, int(now))

        self._table.run(write)

    def forget(self, subject: str) -> None:
        """Delete what somebody has said; an empty name stands for all who were not named."""
        sql = "DELETE FROM turn WHERE CASE WHEN ?1 = '' THEN instr(conversation, char(10)) = 0"
        sql += " ELSE substr(conversation, 1, length(?1) + 1) = ?1 || char(10) END"
        self._table.run(lambda table: table.execute(sql, (subject,)).fetchall())

    def _prune(self, table: Connection, now: int) -> None:
        """Delete turns that are too old, or too many."""
        table.execute("DELETE FROM turn WHERE id <= ?", (table.last_insert_rowid() - MAX_KEPT,))
        if self._days:
            table.execute("DELETE FROM turn WHERE time < ?", (now - self._days * 86_400,))

    def close(self) -> None:
        """Close the database."""
        self._table.close()


def _make_exchange(question: str, answer: str, stored: str | None) -> Exchange:
    return (load_exchange(stored) if stored else None) or make_plain_exchange(question, answer)
