"""Steps of the file system that survive a crash, and errors of the operating system turned into ours.

Every file that is replaced, locked, hashed or given space goes through here, so that each of these has one rule and
tests can stop at every step.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edge.errors import BusyError, EdgeError, StorageError

Progress = Callable[[int, int], None]
"""Called with the bytes done and all bytes. An error that it raises ends the work."""

SPARE_BYTES = 64 << 20
"""Disk space that stays free beside what is written: databases, logs and other programs need some."""

LOCK_WAIT_SECONDS = 5.0
UNFINISHED = ".*.new"
"""Names of files that were not finished; where a process was killed, one is left."""

_POLL_SECONDS = 0.05
_BLOCK_BYTES = 4 << 20
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
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
def translate_os_errors(place: Path) -> Iterator[None]:
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


def get_unfinished_path(path: Path) -> Path:
    """Return where the new contents of a file are put together: beside it, hidden."""
    return path.with_name(f".{path.name}.new")


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Give a place for the new contents of a file, which take its own place when the block ends, durably.

    A crash leaves the old contents or the new; an error leaves the old and nothing else. What a killed process left at
    the place is still there: write over it, or delete it first.
    """
    new = get_unfinished_path(path)
    try:
        yield new
        sync_file(new)
        replace(new, path)
    except BaseException:
        with suppress(OSError):
            delete(new)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a small file so that a crash leaves the old contents or the new."""
    with replace_atomically(path) as new:
        new.write_bytes(data)


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file that nobody but its owner may read, durably. Raises ``FileExistsError`` if there is one."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def copy_file(source: Path, target: Path) -> None:
    """Copy contents and make them durable; the name of ``target`` is not."""
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def copy_and_hash(source: Path, target: Path, progress: Progress) -> str:
    """Copy contents and return their SHA-256; the caller makes them durable.

    Where the file system can, both files share their blocks, and the copy is hashed afterwards.
    """
    import fcntl

    total = source.stat().st_size
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            digest, done = hashlib.sha256(), 0
            for block in read_blocks(old):
                new.write(block)
                digest.update(block)
                done += len(block)
                progress(done, total)
            return digest.hexdigest()
    progress(total, total)
    return hash_file(target)


def delete(path: Path) -> None:
    """Remove a file or folder that nothing refers to any more; one that is gone is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def hold_lock(path: Path, doing: str) -> Iterator[None]:
    """Hold a lock among processes, which waits for another holder a while and ends with its process.

    Where a file system has no locks, nobody is kept out.

    Args:
        path: the file that is locked, made if missing. It may be replaced or deleted while it is locked.
        doing: what the holder does, for whoever is kept out: ``syncing``.

    Raises:
        BusyError: another process held it for ``LOCK_WAIT_SECONDS``.
    """
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        with path.open("ab") as file:
            if _lock(file, deadline, doing) and not _is_named(file, path):
                continue  # whoever held it has replaced or deleted it
            yield
            return


def _lock(file: BinaryIO, deadline: float, doing: str) -> bool:
    """Lock a file; False where there are no locks."""
    import fcntl

    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"Another process is {doing}.", "Wait for it to finish and try again."
                ) from error
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise


def _is_named(file: BinaryIO, path: Path) -> bool:
    return path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))


def read_free_bytes(folder: Path) -> int:
    """Return the bytes that are free on the disk of a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def check_space(folder: Path, needed: int, what: str, hint: str) -> None:
    """Check that so many bytes can be written, with ``SPARE_BYTES`` left free.

    Args:
        folder: where they are to be written.
        needed: how many.
        what: needs them, for the message.
        hint: what to do where they are not free.

    Raises:
        StorageError: they are not free.
    """
    free = read_free_bytes(folder)
    if free < needed + SPARE_BYTES:
        raise StorageError(
            f"{what} needs {format_size(needed + SPARE_BYTES)}, and {format_size(free)} are free.", hint
        )


def format_size(count: int) -> str:
    """Write a number of bytes for people: ``3.1 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def ignore_progress(_done: int, _total: int) -> None:
    """Do nothing: the progress of work that nobody watches."""


def read_blocks(file: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """Yield the next ``size`` bytes of a file in blocks, all that follow for None; fewer where it ends sooner."""
    left = float("inf") if size is None else size
    while left > 0 and (block := file.read(int(min(left, _BLOCK_BYTES)))):
        yield block
        left -= len(block)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal. Raises ``OSError`` as reading does."""
    with path.open("rb") as file:
        return hash_stream(file)


def hash_stream(file: BinaryIO, size: int | None = None, progress: Progress = ignore_progress) -> str:
    """Return the SHA-256 of the next ``size`` bytes of a file, or of all that follow; raises as ``hash_file``.

    Args:
        file: read from where it stands.
        size: how many bytes; fewer count where it ends sooner.
        progress: told of every block.
    """
    digest, done = hashlib.sha256(), 0
    for block in read_blocks(file, size):
        digest.update(block)
        done += len(block)
        progress(done, size or done)
    return digest.hexdigest()


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
