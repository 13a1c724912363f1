"""A one-file program: its parts, how to check them and how to get them out. Changing it is ``compose``'s."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from edge import files
from edge.embedded import table
from edge.embedded.part import EXECUTABLE, make_damage_error
from edge.embedded.table import Part
from edge.errors import NotFoundError, StorageError

Progress = Callable[[str, int, int], None]
"""Called with the part that is read or written, the bytes done, and all bytes."""


def ignore(_what: str, _done: int, _total: int) -> None:
    """Do nothing: the progress of work that nobody watches."""


class Meter:
    """Adds up the bytes read or written, and reports them."""

    def __init__(self, progress: Progress = ignore, total: int = 0) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, what: str, count: int) -> None:
        """Add bytes to what is done, and report it."""
        self._done += count
        self._progress(what, self._done, self._total)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something in the program; ``sound`` when it is as it was put in."""

    what: str
    sound: bool
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A one-file program and what is inside it. Make one with `open_bundle` or `open_own_bundle`.

    The first of ``parts`` is the archive, the second the launcher.
    """

    path: Path
    parts: tuple[Part, ...]

    @property
    def contents(self) -> tuple[Part, ...]:
        """Models and packs, in the order they were added."""
        return self.parts[2:]

    def get_part(self, name: str) -> Part:
        """Return a model or pack by its name.

        Raises:
            NotFoundError: it is not inside.
        """
        for part in self.contents:
            if part.name == name:
                return part
        names = ", ".join(part.name for part in self.contents)
        raise NotFoundError(
            f"{self.path.name} does not contain {name}.", f"It contains: {names or 'the program alone'}."
        )

    def is_sound(self, part: Part, meter: Meter | None = None) -> bool:
        """Return whether a part is byte for byte what was put in.

        Raises:
            StorageError: it cannot be read.
        """
        meter = meter or Meter()
        with files.translate_os_errors(self.path), self.path.open("rb") as file:
            digest = hashlib.sha256()
            for block in read_stretch(file, part.offset, part.size):
                digest.update(block)
                meter.add(str(part), len(block))
        return digest.hexdigest() == part.sha256

    def verify(self, progress: Progress = ignore) -> Iterator[Verdict]:
        """Check every byte of the file: each part, and that nothing but zeros lies between them. Footer and table were
        checked when it was opened.

        Raises:
            StorageError: it cannot be read.
        """
        meter = Meter(progress, sum(part.size for part in self.parts))
        for part in self.parts:
            yield Verdict(str(part), self.is_sound(part, meter), part)
        yield from self._check_padding()

    def _check_padding(self) -> Iterator[Verdict]:
        """Yield a verdict for each gap between parts that holds anything but zeros."""
        with files.translate_os_errors(self.path), self.path.open("rb") as file:
            for before, after in pairwise(sorted(self.parts, key=lambda part: part.offset)):
                gap = read_stretch(file, before.end, after.offset - before.end)
                if any(block.strip(b"\0") for block in gap):
                    yield Verdict(f"padding before {after}", False)
            end = max(part.end for part in self.parts)
            if any(block.strip(b"\0") for block in read_stretch(file, end, self._find_table(file) - end)):
                yield Verdict("padding before the table of contents", False)

    def _find_table(self, file: BinaryIO) -> int:
        return file.seek(0, os.SEEK_END) - len(table.encode(self.parts, 0, b""))

    def extract(self, part: Part, target: Path, progress: Progress = ignore) -> None:
        """Write a part as a file of its own, whole or not at all.

        Raises:
            StorageError: it is damaged, or the file cannot be written.
        """
        digest, meter = hashlib.sha256(), Meter(progress, part.size)
        with files.translate_os_errors(target), files.replace_atomically(target) as new:
            with self.path.open("rb") as file, new.open("wb") as copy:
                for block in read_stretch(file, part.offset, part.size):
                    digest.update(block)
                    copy.write(block)
                    meter.add(str(part), len(block))
            if digest.hexdigest() != part.sha256:
                raise make_damage_error(self.path, str(part))


def open_bundle(path: Path) -> Bundle:
    """Open the one-file program in a file.

    Raises:
        NotFoundError: there is no such file, or it is no one-file program.
        StorageError: it is damaged, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            parts = table.read(file)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no {path}.", "Name a one-file program of edge.") from error
    except table.TableError as error:
        raise make_damage_error(path, str(error)) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if not parts:
        raise NotFoundError(
            f"{path.name} is no one-file program, or it was cut short.",
            "Name the file that `make binary` made.",
        )
    return Bundle(path, parts)


def open_own_bundle(environ: Mapping[str, str] = os.environ) -> Bundle | None:
    """Open the program that is running; None when it is not a one-file program.

    Raises:
        StorageError: it is damaged.
    """
    path = environ.get(EXECUTABLE)
    return open_bundle(Path(path)) if path else None


def read_stretch(file: BinaryIO, offset: int, size: int) -> Iterator[bytes]:
    """Yield the bytes of a stretch of a file, fewer at its end."""
    file.seek(offset)
    yield from files.read_blocks(file, size)
