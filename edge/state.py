"""The one database that answering writes, ``EDGE_HOME/state.sqlite``: opened when first needed, shared by threads.

Its tables belong to those who use them: ``conversations`` and ``popular``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from edge.database import open_writable, transaction, translated
from edge.files import storage_errors


class StateTable:
    """A table of the state database. Safe to use from several threads.

    Args:
        path: the database, made when first needed. None keeps everything in memory only.
        schema: makes what is missing.
        columns: by name, each the statement that adds it to a table of an older edge.
    """

    def __init__(self, path: Path | None, schema: str, table: str, columns: dict[str, str]) -> None:
        self._path, self._schema, self._table, self._columns = path, schema, table, columns
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """The open database, for this thread alone meanwhile.

        Raises:
            StorageError, BusyError, PackError: it cannot be made, read or written, is in use, or is damaged.
        """
        path = self._path or Path("memory")
        with self._lock, storage_errors(path), translated(path):
            yield self._open()

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
            self._migrate(connection)
            self._connection = connection
        return self._connection

    def _migrate(self, connection: apsw.Connection) -> None:
        connection.execute(self._schema)
        if self._missing(connection):
            with transaction(connection):  # nobody else adds them now; perhaps somebody just has
                for statement in self._missing(connection):
                    connection.execute(statement)

    def _missing(self, connection: apsw.Connection) -> list[str]:
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({self._table})")}
        return [statement for column, statement in self._columns.items() if column not in found]
