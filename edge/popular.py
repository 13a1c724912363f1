"""The passages most asked for: lists that stood in prompts, and how often. They outlive the service.

A question whose passages begin like such a list finds the beginning of its prompt computed.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from edge.prompt.stored import dump_passages, load_passages
from edge.state import Connection, StateTable
from edge.types import Passage

MAX_LISTS = 64
"""Lists that are remembered; the one unused for longest goes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS popular(
    digest BLOB PRIMARY KEY, scope TEXT NOT NULL, passages TEXT NOT NULL, times INTEGER NOT NULL, used REAL NOT NULL);
"""


class PopularPassages:
    """Lists of passages by use. Safe to use from several threads.

    Args:
        path: the state database, made when first needed. None keeps them in memory only.
        clock: seconds since the epoch.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._table = StateTable(path, _SCHEMA, "popular", {})
        self._clock = clock

    def count(self, passages: tuple[Passage, ...], scope: str = "") -> None:
        """Note that a question was asked over these passages, in this order.

        Args:
            scope: what its search was restricted to.
        """
        if not passages:
            return
        digest = hashlib.sha256(repr([scope, *map(_make_key, passages)]).encode()).digest()
        values = (digest, scope, dump_passages(passages), self._clock())

        def write(table: Connection) -> None:
            table.execute(
                "INSERT INTO popular VALUES (?, ?, ?, 1, ?)"
                " ON CONFLICT(digest) DO UPDATE SET times = times + 1, used = excluded.used",
                values,
            )
            table.execute(
                "DELETE FROM popular WHERE digest NOT IN"
                " (SELECT digest FROM popular ORDER BY used DESC LIMIT ?)",
                (MAX_LISTS,),
            )

        self._table.run(write)

    def read_latest(self, scope: str = "") -> list[tuple[Passage, ...]]:
        """Return the lists of a scope, those used last first."""
        return [passages for passages, _ in self._read("WHERE scope = ? ORDER BY used DESC", (scope,))]

    def read_most_asked(self, limit: int) -> list[tuple[Passage, ...]]:
        """Return the list of each passage that was the best one most often, at least twice."""
        times: Counter[tuple[str, ...]] = Counter()
        lists: dict[tuple[str, ...], tuple[Passage, ...]] = {}
        for passages, asked in self._read("ORDER BY times DESC, used DESC", ()):
            lists.setdefault(_make_key(passages[0]), passages)
            times[_make_key(passages[0])] += asked
        return [lists[best] for best, asked in times.most_common(limit) if asked > 1]

    def close(self) -> None:
        """Close the database."""
        self._table.close()

    def _read(self, which: str, values: tuple[str, ...]) -> list[tuple[tuple[Passage, ...], int]]:
        sql = f"SELECT passages, times FROM popular {which}"
        rows = self._table.run(lambda table: table.execute(sql, values).fetchall())
        read = ((load_passages(str(text)), int(str(times))) for text, times in rows)
        return [(passages, times) for passages, times in read if passages]


def _make_key(passage: Passage) -> tuple[str, ...]:
    return passage.pack, passage.version, passage.document, passage.heading, passage.text
