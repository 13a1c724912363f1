"""The one database that answering writes, ``EDGE_HOME/state.sqlite``: opened when first needed, shared by threads.

Its tables belong to those who use them: ``conversations`` and ``popular``. An answer never fails because of it: what
cannot be kept on the disk is kept in memory, and the disk is tried again later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apsw import Connection

from edge.database import begin_transaction, open_writable, translate_sqlite_errors
from edge.errors import EdgeError
from edge.files import translate_os_errors

__all__ = ["Connection", "StateTable"]

RETRY_S = 60.0
"""A database that could not be used (full or read-only disk, damaged, in use elsewhere) is left alone for so long."""

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class StateTable:
    """A table of the state database. Safe to use from several threads.

    Args:
        path: the database, made when first needed. None keeps everything in memory only.
        schema: makes what is missing.
        columns: by name, each the statement that adds it to a table of an older edge.
        clock: seconds that never go backwards.

    Attributes:
        problem: why it is in memory for now; None while all is well.
    """

    def __init__(
        self,
        path: Path | None,
        schema: str,
        table: str,
        columns: dict[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._schema, self._table, self._columns = path, schema, table, columns
        self._clock = clock
        self._lock = threading.Lock()  # over what follows
        self._connection: Connection | None = None
        self._memory: Connection | None = None
        self._retry_at = 0.0
        self.problem: EdgeError | None = None

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in the database; in memory for now when that cannot be made, read or written."""
        with self._lock:
            if self._path is not None and self._clock() >= self._retry_at:
                try:
                    with translate_os_errors(self._path), translate_sqlite_errors(self._path):
                        result = work(self._open(self._path))
                except EdgeError as error:
                    self._fall_back(error)
                else:
                    self.problem = None
                    return result
            return work(self._open_memory())

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._close()
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def _fall_back(self, error: EdgeError) -> None:
        self._close()
        self._retry_at = self._clock() + RETRY_S
        if self.problem is None:
            _log.warning("%s Conversations are kept in memory meanwhile.", error.message)
        self.problem = error

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self, path: Path) -> Connection:
        if self._connection is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._prepare(open_writable(path))
        return self._connection

    def _open_memory(self) -> Connection:
        if self._memory is None:
            self._memory = self._prepare(open_writable(Path(":memory:")))
        return self._memory

    def _prepare(self, connection: Connection) -> Connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(self._schema)
        if self._list_missing(connection):
            with begin_transaction(connection):  # nobody else adds them now; perhaps somebody just has
                for statement in self._list_missing(connection):
                    connection.execute(statement)
        return connection

    def _list_missing(self, connection: Connection) -> list[str]:
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({self._table})")}
        return [statement for column, statement in self._columns.items() if column not in found]
