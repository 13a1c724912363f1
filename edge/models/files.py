"""Files of models on their way into their folder: whole or not there at all, and hashed as they pass."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from edge.errors import StorageError
from edge.models.integrity import hash_file
from edge.text.sizes import format_size

PARTIAL = ".partial"
SPARE_BYTES = 64 * 2**20
"""Disk space left free beside a model."""

_BLOCK = 8 * 2**20
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file, where the file system can

Progress = Callable[[int, int], None]
"""Called with the bytes done and all bytes."""


def check_space(folder: Path, name: str, needed: int) -> None:
    """Raise StorageError unless so many bytes, and some to spare, are free."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise StorageError(
            f"{name} needs {format_size(needed + SPARE_BYTES)}, and {format_size(free)} are free.",
            "Free some space, or set EDGE_HOME to another disk.",
        )


def copy(source: Path, path: Path, progress: Progress) -> str:
    """Copy a file beside its place, and flush it; the SHA-256 of what was copied. `publish` gives it its name.

    Raises:
        StorageError: not enough space.
    """
    needed = source.stat().st_size
    check_space(path.parent, source.name, needed)
    partial = path.with_suffix(PARTIAL)
    with source.open("rb") as old, partial.open("wb") as new:
        digest = _copy_blocks(old, new, needed, progress)
        new.flush()
        os.fsync(new.fileno())
    return digest or hash_file(partial) or ""


def publish(partial: Path, path: Path) -> None:
    """Give a flushed file its name, so that even a power cut leaves it whole or absent."""
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write(path: Path, text: str) -> None:
    """Replace a small file, whole or not at all."""
    partial = path.with_suffix(PARTIAL)
    with partial.open("wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    publish(partial, path)


def safe_name(stem: str) -> str:
    """A name that is easy to type: letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model"


def storage_error(error: OSError, folder: Path) -> StorageError:
    """What to tell of a disk that does not take what is written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("The disk is full.", "Free some space, or set EDGE_HOME to another disk.")
    return StorageError(
        f"{folder} cannot be changed: {error.strerror}.", "Check its permissions, or set EDGE_HOME."
    )


def _copy_blocks(old: BinaryIO, new: BinaryIO, total: int, progress: Progress) -> str:
    """Copy, and hash on the way; no hash where the file system shares the blocks without reading them."""
    try:
        fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
    except OSError:
        digest, done = hashlib.sha256(), 0
        while block := old.read(_BLOCK):
            new.write(block)
            digest.update(block)
            done += len(block)
            progress(done, total)
        return digest.hexdigest()
    progress(total, total)
    return ""
