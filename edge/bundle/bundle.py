"""A one-file program: its parts, whether they are undamaged, how to get them out. Changing it is ``compose``'s."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.errors import NotFoundError, StorageError
from edge.inside import table
from edge.inside.part import EXECUTABLE
from edge.inside.table import Part
from edge.packs import files

COPY_AGAIN = "Copy the program again, and compare its SHA-256 with the publisher's."

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A one-file program and what is inside it. Make one with `open_bundle` or `own_bundle`."""

    path: Path
    parts: tuple[Part, ...]

    @property
    def added(self) -> tuple[Part, ...]:
        """Models and packs, in the order they were added."""
        return tuple(part for part in self.parts if part.kind != "program")

    def part(self, name: str) -> Part:
        """A model or pack by its name.

        Raises:
            NotFoundError: it is not inside.
        """
        for part in self.added:
            if part.name == name:
                return part
        names = ", ".join(part.name for part in self.added)
        raise NotFoundError(
            f"{self.path.name} does not contain {name}.", f"It contains: {names or 'the program alone'}."
        )

    def is_sound(self, part: Part) -> bool:
        """Whether a part is byte for byte what was put in.

        Raises:
            StorageError: it cannot be read.
        """
        digest = hashlib.sha256()
        with files.storage_errors(self.path), self.path.open("rb") as file:
            for block in blocks(file, part.offset, part.size):
                digest.update(block)
        return digest.hexdigest() == part.sha256

    def extract(self, part: Part, target: Path) -> None:
        """Write a part as a file of its own, whole or not at all.

        Raises:
            StorageError: it is damaged, or the file cannot be written.
        """
        unfinished = target.with_name(f".{target.name}.partial")
        digest = hashlib.sha256()
        try:
            with files.storage_errors(target), self.path.open("rb") as file, unfinished.open("wb") as copy:
                for block in blocks(file, part.offset, part.size):
                    digest.update(block)
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
            if digest.hexdigest() != part.sha256:
                raise damaged(self.path, f"{part.kind} {part.name}")
            with files.storage_errors(target):
                files.replace(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)


def open_bundle(path: Path) -> Bundle:
    """The one-file program in a file.

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
        raise damaged(path, str(error)) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if not parts:
        raise NotFoundError(
            f"{path.name} is no one-file program, or it was cut short.",
            "Name the file that `make binary` made.",
        )
    return Bundle(path, parts)


def own_bundle(environ: Mapping[str, str] = os.environ) -> Bundle | None:
    """The program that is running; None when it is not a one-file program.

    Raises:
        StorageError: it is damaged.
    """
    path = environ.get(EXECUTABLE)
    return open_bundle(Path(path)) if path else None


def blocks(file: BinaryIO, offset: int, size: int) -> Iterator[bytes]:
    """The bytes of a stretch of a file, fewer at its end."""
    file.seek(offset)
    while size and (block := file.read(min(size, _BLOCK))):
        yield block
        size -= len(block)


def damaged(path: Path, what: str) -> StorageError:
    """What a reader is told about a damaged program."""
    return StorageError(f"{path.name} is damaged: {what}.", COPY_AGAIN)
