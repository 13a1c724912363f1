"""The only place that opens SQLite (through apsw) and loads sqlite-vec.

apsw brings its own SQLite with FTS5, the same on every machine; the standard library's often cannot load extensions.
A connection belongs to one thread at a time. Errors of SQLite leave this module as ``EdgeError``s.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from edge.embedded.part import Stretch, locate
from edge.errors import BusyError, EdgeError, PackError, StorageError

BUSY_TIMEOUT_MS = 5_000


def open_immutable(path: Path) -> apsw.Connection:
    """Open a file that never changes: read-only, without locks or a journal, so that read-only media will do.

    A part of the one-file program is read where it is: on a pack of 488 MB a search takes 34 ms of processor time so,
    and 33 ms from a file of its own.
    """
    uri = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"
    with translate_sqlite_errors(path):
        if locate(path):
            uri += f"&vfs={_register_embedded().vfs_name}"
        connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        _load_vectors(connection)
        connection.execute("PRAGMA trusted_schema = OFF")
    return connection


@cache
def _register_embedded() -> _EmbeddedVFS:
    return _EmbeddedVFS()


class _EmbeddedVFS(apsw.VFS):
    """Reads databases inside the one-file program (`edge.embedded`)."""

    vfs_name = "edge-embedded"

    def __init__(self) -> None:
        super().__init__(self.vfs_name, base="")

    def xFullPathname(self, name: str) -> str:
        return name

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        stretch = locate(Path(name.filename()))
        assert stretch is not None, "only parts are opened by this way"
        return _EmbeddedFile(stretch, flags)


class _EmbeddedFile(apsw.VFSFile):
    def __init__(self, stretch: Stretch, flags: list[int]) -> None:
        super().__init__("", str(stretch.path), flags)
        self._stretch = stretch

    def xRead(self, amount: int, offset: int) -> bytes:
        return super().xRead(amount, self._stretch.offset + offset)

    def xFileSize(self) -> int:
        return self._stretch.size


def open_writable(path: Path) -> apsw.Connection:
    """Open a database of our own, made if it is missing, with sqlite-vec loaded."""
    with translate_sqlite_errors(path):
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        _load_vectors(connection)
    return connection


def open_memory() -> apsw.Connection:
    """Open an empty database in memory, with sqlite-vec loaded."""
    connection = apsw.Connection(":memory:")
    _load_vectors(connection)
    return connection


def read_versions() -> tuple[str, str]:
    """Return the versions of SQLite and sqlite-vec. Both are written into a database: other versions never give the
    same bytes.
    """
    return apsw.sqlite_lib_version(), importlib.metadata.version("sqlite-vec")


def _load_vectors(connection: apsw.Connection) -> None:
    """Load sqlite-vec, and forbid loading any other extension."""
    # Not imported: the package imports Python's own SQLite, which the one-file program does without.
    package = find_spec("sqlite_vec")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'sqlite_vec'")
    connection.enable_load_extension(True)
    try:
        connection.load_extension(str(Path(package.origin).with_name("vec0")))
    finally:
        connection.enable_load_extension(False)


@contextmanager
def begin_transaction(connection: apsw.Connection) -> Iterator[None]:
    """Begin a transaction, which the end of the block commits and an error rolls back.

    Not ``with connection``: after a write that failed SQLite has often gone back by itself; apsw's attempt to do so
    then fails as well, and hides that the disk was full.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translate_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about ``path`` into an ``EdgeError`` that says what to do."""
    try:
        yield
    except EdgeError:
        raise
    except apsw.FullError as error:
        raise StorageError(f"The disk holding {path} is full.", "Free some space and try again.") from error
    except (apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise StorageError(
            f"{path} cannot be written.", "Check its permissions, or set EDGE_HOME."
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise BusyError(f"{path} is in use by another process.", "Wait for it to finish.") from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise PackError(f"{path} is damaged or not a database.", "Copy or build it again.") from error
    except apsw.CantOpenError as error:
        raise StorageError(f"{path} cannot be opened.", "Check that it exists and can be read.") from error
    except apsw.IOError as error:
        raise StorageError(f"{path} cannot be read or written: {error}.", "Check the disk.") from error


@contextmanager
def translate_untrusted_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into ours, for a file that others made: whatever SQLite dislikes, the file is at fault."""
    try:
        with translate_sqlite_errors(path):
            yield
    except (apsw.Error, UnicodeDecodeError) as error:
        raise PackError(f"{path} is damaged: {error}.", "Copy or build it again.") from error


def make_stemmer(tokenizer: str) -> Callable[[str], list[str]]:
    """Make a function from text to tokens out of the FTS5 ``tokenizer``; 100 words take 5 microseconds.

    The function belongs to the thread that made it.
    """
    name, *arguments = tokenizer.split()
    tokenize = apsw.Connection(":memory:").fts5_tokenizer(name, arguments)

    def list_tokens(text: str) -> list[str]:
        found = tokenize(
            text.encode("utf-8", "replace"),
            apsw.FTS5_TOKENIZE_DOCUMENT,
            None,
            include_offsets=False,
            include_colocated=False,
        )
        return [str(token) for token in found]

    return list_tokens
