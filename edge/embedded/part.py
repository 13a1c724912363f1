"""A part of the one-file program under a path of its own: ``/opt/edge/pumps.kpack`` is the part ``pumps.kpack`` of the
program ``/opt/edge``. No real path looks so, since the program is a file: code that reads files needs no other kind of
name.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.embedded import table
from edge.embedded.table import Kind
from edge.errors import StorageError

EXECUTABLE = "EDGE_EXECUTABLE"
"""Variable in which the launcher says which file was started."""

COPY_AGAIN = "Copy the program again, and compare its SHA-256 with the publisher's."

Stamp = tuple[int, ...]
"""Size, times and inode of a file, see `read_stamp`."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """``size`` bytes of a real file, from ``offset`` on, with the SHA-256 that they should have."""

    path: Path
    offset: int
    size: int
    sha256: str


def list_own_parts(kind: Kind, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """List the paths of the parts of a kind in the program that runs; none when it is no one-file program, or gone.

    Raises:
        StorageError: it is damaged.
    """
    program = environ.get(EXECUTABLE)
    if not program:
        return ()
    try:
        with open(program, "rb") as file:
            parts = table.read(file)
    except OSError:
        return ()
    except table.TableError as error:
        raise make_damage_error(Path(program), str(error)) from error
    if parts is None:
        raise make_damage_error(Path(program), "its end is missing")
    return tuple(Path(program, part.name) for part in parts if part.kind == kind)


def make_damage_error(program: Path, what: str) -> StorageError:
    """Make the error for a damaged program."""
    return StorageError(f"{program.name} is damaged: {what}.", COPY_AGAIN)


def locate(path: Path) -> Stretch | None:
    """Find the bytes of a part; None for every other path.

    Raises:
        OSError: the program cannot be read, or has no such part any more.
    """
    program = path.parent
    if not program.is_file():
        return None
    try:
        with program.open("rb") as file:
            parts = table.read(file) or ()
    except table.TableError as error:
        raise OSError(errno.EIO, f"{program.name} is damaged: {error}", str(path)) from error
    for part in parts:
        if part.name == path.name and part.kind in ("model", "pack"):
            return Stretch(program, part.offset, part.size, part.sha256)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def open_file(path: Path) -> BinaryIO:
    """Open a file, or a part, for reading.

    Raises:
        OSError: as ``open`` does.
    """
    stretch = locate(path)
    return path.open("rb") if stretch is None else io.BufferedReader(_StretchFile(stretch))


def read_status(path: Path) -> os.stat_result:
    """Return the status of a file, or of the program that a part is in.

    Raises:
        OSError: as ``stat`` does.
    """
    stretch = locate(path)
    return path.stat() if stretch is None else stretch.path.stat()


def read_stamp(path: Path) -> Stamp:
    """Return size, times and inode of a file, or of the program that a part is in: another stamp is another file. The
    time of change cannot be set back by those who write to a file.

    Raises:
        OSError: as ``stat`` does.
    """
    found = read_status(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def read_size(path: Path) -> int:
    """Return the size of a file, or of a part, in bytes.

    Raises:
        OSError: as ``stat`` does.
    """
    stretch = locate(path)
    return path.stat().st_size if stretch is None else stretch.size


class _StretchFile(io.RawIOBase):
    """Reads a stretch as if it were a file."""

    def __init__(self, stretch: Stretch) -> None:
        super().__init__()
        self._file = stretch.path.open("rb", buffering=0)
        self._stretch = stretch
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stretch.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._stretch.size - self._at))
        data = os.pread(self._file.fileno(), wanted, self._stretch.offset + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
