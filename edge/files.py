"""File-system steps that survive a crash, and errors of the operating system turned into ours.

Every rename, sync and removal of packs goes through here, so that tests can stop at each of them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import BusyError, EdgeError, StorageError

LOCK_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_HINTS = {
    errno.ENOSPC: ("cannot be written: its disk is full", "Free some space and try again."),
    errno.EDQUOT: ("cannot be written: your share of its disk is used up", "Free some space and try again."),
    errno.EFBIG: (
        "cannot be written: its disk does not take files this large",
        "Use another file system or raise the limit on file sizes.",
    ),
    errno.EROFS: (
        "cannot be written: its disk is read-only",
        "Mount it writable, or set EDGE_HOME to a folder that can be written.",
    ),
    errno.EACCES: ("may not be changed", "Check its permissions, or set EDGE_HOME."),
    errno.EPERM: ("may not be changed", "Check its permissions, or set EDGE_HOME."),
}


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn an ``OSError`` met while working on ``place`` into a ``StorageError`` that says what to do."""
    try:
        yield
    except EdgeError:
        raise
    except OSError as error:
        what, hint = _HINTS.get(
            error.errno or 0, (f"cannot be read or written: {error.strerror or error}", "Check the disk.")
        )
        where = error.filename or place
        raise StorageError(f"{where} {what}.", hint) from error


def sync_file(path: Path) -> None:
    """Make a file's contents durable."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def replace(source: Path, target: Path) -> None:
    """Rename within a file system, atomically, and make it durable. A file must be synced already."""
    os.replace(source, target)
    for folder in {source.parent, target.parent}:
        sync_folder(folder)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, durably."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a small file so that a crash leaves the old contents or the new."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    replace(temporary, path)


def copy_file(source: Path, target: Path) -> None:
    """Copy contents and make them durable; the name of ``target`` is not."""
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def delete(path: Path) -> None:
    """Remove a file or folder that nothing refers to any more; one that is gone is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def exclusive_lock(path: Path, doing: str = "changing the installed packs") -> Iterator[None]:
    """Hold a lock among processes; it goes with the process that held it. ``doing`` is what the holder does.

    Raises:
        BusyError: another process held it for ``LOCK_WAIT_SECONDS``.
    """
    import fcntl

    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"Another process is {doing}.",
                        "Wait for it to finish and try again.",
                    ) from error
                time.sleep(_POLL_SECONDS)
        yield


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal. Raises ``OSError`` as reading does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
