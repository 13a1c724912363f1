"""Writes one-file programs: a launcher, its archive, and the models and packs that travel inside.

The program that runs cannot be changed, so another file is written beside it and takes its place when it is whole.
Blocks are copied by the kernel, which on Btrfs and XFS shares them instead.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.bundle.bundle import Bundle, blocks, damaged
from edge.errors import UsageError
from edge.inside import table
from edge.inside.table import Kind, Part
from edge.packs import files


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to put into a program: ``size`` bytes of a file from ``offset`` on; with ``sha256``, they must have it."""

    kind: Kind
    name: str
    path: Path
    offset: int
    size: int
    sha256: str | None = None

    @classmethod
    def file(cls, kind: Kind, path: Path) -> Source:
        """A whole file under its own name.

        Raises:
            StorageError: it cannot be read.
        """
        with files.storage_errors(path):
            return cls(kind, path.name, path, 0, path.stat().st_size)


def compose(launcher: Source, sources: Sequence[Source], target: Path) -> Bundle:
    """Write a program, whole or not at all; the first source is its archive.

    Raises:
        UsageError: two sources have one name.
        StorageError: a source is damaged or cannot be read, or there is no space.
    """
    _check_names(sources)
    unfinished = target.with_name(f".{target.name}.partial")
    try:
        with files.storage_errors(target), unfinished.open("wb") as file:
            _copy(launcher, file)
            parts = tuple(_append(source, file) for source in sources)
            file.write(table.encode(parts, file.tell()))
            os.fchmod(file.fileno(), 0o755)
            file.flush()
            os.fsync(file.fileno())
        with files.storage_errors(target):
            files.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return Bundle(target, parts)


def with_part(bundle: Bundle, source: Source, target: Path) -> Bundle:
    """The same program with one part more, or another one of that name; raises as `compose`."""
    others = [part for part in bundle.parts if part.kind == "program" or part.name != source.name]
    return compose(_launcher(bundle), [*(_source(bundle, part) for part in others), source], target)


def without_part(bundle: Bundle, part: Part, target: Path) -> Bundle:
    """The same program with one part less; raises as `compose`."""
    others = [_source(bundle, other) for other in bundle.parts if other != part]
    return compose(_launcher(bundle), others, target)


def _launcher(bundle: Bundle) -> Source:
    return Source("program", "launcher", bundle.path, 0, bundle.parts[0].offset)


def _source(bundle: Bundle, part: Part) -> Source:
    return Source(part.kind, part.name, bundle.path, part.offset, part.size, part.sha256)


def _check_names(sources: Sequence[Source]) -> None:
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} would be inside twice.", "Rename one of the files.")
        if not name.isprintable():
            raise UsageError(f"{name!r} cannot be the name of a part.", "Rename the file.")


def _append(source: Source, file: BinaryIO) -> Part:
    offset = table.next_page(file.tell())
    file.truncate(offset)
    file.seek(offset)
    digest = _copy(source, file)
    if source.sha256 not in (None, digest):
        raise damaged(source.path, f"{source.kind} {source.name}")
    return Part(source.kind, source.name, offset, source.size, digest)


def _copy(source: Source, file: BinaryIO) -> str:
    """Copy the bytes of a source to where the file stands, and return their SHA-256."""
    digest = hashlib.sha256()
    with source.path.open("rb") as original:
        for block in blocks(original, source.offset, source.size):
            digest.update(block)
        _copy_range(original, file, source)
    return digest.hexdigest()


def _copy_range(original: BinaryIO, file: BinaryIO, source: Source) -> None:
    file.flush()
    start, done = file.tell(), 0
    while done < source.size:
        left = min(source.size - done, 1 << 30)
        copied = os.copy_file_range(
            original.fileno(), file.fileno(), left, source.offset + done, start + done
        )
        if not copied:
            raise damaged(source.path, f"{source.kind} {source.name} is cut short")
        done += copied
    file.seek(start + done)
