"""The installed packs, kept open between questions. The next question sees what another process has installed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from edge.packs.verify import verify


class Library:
    """Open packs by file. Safe to use from several threads."""

    def __init__(self, store: PackStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._open: dict[tuple[Path, bool], Pack] = {}
        self._sound: set[Path] = set()

    def open_packs(self) -> Sequence[Pack]:
        """Open the packs in use now; damaged ones are left out (``PackStore.problems`` names them).

        A pack that was replaced is let go, not closed: another thread may still be searching it.

        Raises:
            PackError, StorageError: there are packs, and all of them are damaged.
        """
        with self._lock:
            self._open = {
                key: pack for key in self._store.list_in_use() if (pack := self._open_one(*key)) is not None
            }
            packs = [pack for pack in self._open.values() if not self._store.is_set_aside(pack.path)]
        if not packs:
            for problem in self._store.find_problems():
                raise type(problem.error)(
                    f"The pack '{problem.name}' cannot be used: {problem.error.message}", problem.hint
                )
        return packs

    def set_aside_unsound(self) -> bool:
        """Check the packs in use whole, after a search failed; those that are not sound answer no more.

        Returns:
            True if there was such a pack: the others may answer.
        """
        found = False
        for pack in self.open_packs():
            try:
                if pack.path not in self._sound:
                    verify(pack.path)
                    self._sound.add(pack.path)
            except EdgeError as error:
                self._store.set_aside(pack.path, error)
                found = True
        return found

    def close(self) -> None:
        """Close all packs."""
        with self._lock:
            for pack in self._open.values():
                pack.close()
            self._open = {}

    def _open_one(self, path: Path, signed: bool) -> Pack | None:
        try:
            return self._open.get((path, signed)) or Pack.open(path, signed)
        except EdgeError:
            return None
