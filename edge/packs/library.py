"""The installed packs, kept open between questions. What another process installs is seen by the next question."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError
from edge.packs.pack import Pack
from edge.packs.store import PackStore


class Library:
    """Open packs by file. Safe to use from several threads."""

    def __init__(self, store: PackStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._open: dict[tuple[Path, bool], Pack] = {}

    def packs(self) -> Sequence[Pack]:
        """The packs in use now; damaged ones are left out (``PackStore.problems`` names them).

        A pack that was replaced is let go, not closed: another thread may still be searching it.

        Raises:
            PackError, StorageError: there are packs, and all of them are damaged.
        """
        with self._lock:
            self._open = {
                key: pack for key in self._store.in_use() if (pack := self._opened(*key)) is not None
            }
            packs = list(self._open.values())
        if not packs:
            for problem in self._store.problems():
                raise type(problem.error)(
                    f"The pack '{problem.name}' cannot be used: {problem.error.message}", problem.hint
                )
        return packs

    def close(self) -> None:
        """Close all packs."""
        with self._lock:
            for pack in self._open.values():
                pack.close()
            self._open = {}

    def _opened(self, path: Path, signed: bool) -> Pack | None:
        try:
            return self._open.get((path, signed)) or Pack.open(path, signed)
        except EdgeError:
            return None
