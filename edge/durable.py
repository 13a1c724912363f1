"""A database of records that must not be lost: every transaction that ended is on the disk, or an error was raised.

Unlike ``edge.state``, it never falls back to memory: whoever was told that something is kept can rely on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apsw import Connection

from edge import files
from edge.database import begin_transaction, open_writable, translate_sqlite_errors
from edge.errors import PackError, StorageError

__all__ = ["Connection", "DurableDatabase"]


class DurableDatabase:
    """A database file, opened when first needed. Safe to use from several threads and processes.

    Args:
        path: the file, made by the first write.
        schema: makes what is missing.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path, self._schema = path, schema
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give the database for reading. While there is no file it is empty, and none is made.

        Raises:
            StorageError, BusyError: it cannot be read.
        """
        with self._lock, self._translate_errors():
            if self._connection is None and not self._path.exists():
                connection = open_writable(Path(":memory:"))
                try:
                    connection.execute(self._schema)
                    yield connection
                finally:
                    connection.close()
                return
            yield self._open()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the database for a transaction, which is durable once the block has ended.

        Raises:
            StorageError, BusyError: it cannot be written; nothing has changed.
        """
        with self._lock, self._translate_errors():
            connection = self._open()
            with begin_transaction(connection):
                yield connection

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            with files.translate_os_errors(self._path), translate_sqlite_errors(self._path):
                yield
        except PackError as error:
            if "damaged or not a database" not in error.message:
                raise
            hint = "Move it aside; edge begins a new one."
            raise StorageError(f"{self._path} is damaged.", hint) from error

    def _open(self) -> Connection:
        if self._connection is None:
            files.make_folder(self._path.parent)
            connection = open_writable(self._path)
            try:
                # FULL syncs the log at every commit; WAL alone may lose the last ones when the power goes.
                connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").fetchall()
                connection.execute(self._schema)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
