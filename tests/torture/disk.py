"""The disk that ``make torture`` puts beneath Python and SQLite alike (``disk.c``), and work done on it by a child."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KILLED = -9
_ENTRY = struct.Struct("<6q")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that changed something.

    ``kind`` is (c)reate, (d)irectory made, symbolic (l)ink made, (w)rite, (t)runcate, (s)ync, (r)ename or (u)nlink.
    ``other`` is the new name of a renamed file, and what a link points to. ``offset`` is a length when truncating.
    """

    kind: str
    inode: int
    offset: int
    path: str
    other: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens at the call of a number (from 0): an error of the system, once or from then on; 0 is kill -9."""

    number: int
    error: int = 0
    lasting: bool = False


def run(
    work: Callable[[], int], home: Path, said: Path, strike: Strike | None = None, record: Path | None = None
) -> tuple[int, int]:
    """Do some work in a child whose changes of files under ``home`` go over the disk.

    Args:
        work: returns an exit code.
        home: the folder that is watched.
        said: where the child's output goes.
        strike: what is to fail.
        record: where the calls that changed something are noted, for ``read``.

    Returns:
        the exit code, or KILLED; and the number of calls, which is -1 for a child that was killed.
    """
    disk, (reading, writing) = _load_disk(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of threads, which Python 3.12 fears: numpy's are idle
        child = os.fork()
    if not child:
        code = 70
        try:
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            os.dup2(2, 1)
            sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)
            noted = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if record else -1
            if strike:
                disk.disk_strike(strike.number, strike.error, strike.lasting)
            disk.disk_watch(os.fsencode(home), noted)
            code = work()
            os.write(writing, str(disk.disk_calls()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        calls = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(calls or -1)


def read(record: Path) -> Iterator[Call]:
    """Read the calls of a record in order."""
    with record.open("rb") as file:
        while head := file.read(_ENTRY.size):
            kind, inode, offset, *lengths = _ENTRY.unpack(head)
            path, other, data = (file.read(length) for length in lengths)
            yield Call(chr(kind), inode, offset, os.fsdecode(path), os.fsdecode(other), data)


@cache
def _load_disk() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.disk_strike.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int]
    library.disk_watch.argtypes = [ctypes.c_char_p, ctypes.c_int]
    library.disk_calls.restype = ctypes.c_long
    return library
