"""Writes one-file programs: a launcher, its archive, and the models and packs that are embedded.

The program that runs cannot be changed, so another file is written beside it and takes its place when it is whole.
Blocks are copied by the kernel where it can, which on Btrfs and XFS shares them instead.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from edge import files
from edge.bundle.bundle import Bundle, Meter, Progress, ignore, open_bundle, read_stretch
from edge.embedded import table
from edge.embedded.part import make_damage_error
from edge.embedded.table import Kind, Part
from edge.errors import BusyError, StorageError, UsageError

_ELSEWHERE = "Nothing was changed. To write the new program elsewhere: -o FILE"


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to put into a program: ``size`` bytes of a file from ``offset`` on; with ``sha256``, they must have it."""

    kind: Kind
    name: str
    path: Path
    offset: int
    size: int
    sha256: str | None = None

    def __str__(self) -> str:
        return table.format_label(self.kind, self.name)

    @classmethod
    def from_file(cls, kind: Kind, path: Path) -> Source:
        """Make a source of a whole file under its own name.

        Raises:
            StorageError: it cannot be read.
        """
        with files.translate_os_errors(path):
            return cls(kind, path.name, path, 0, path.stat().st_size)


def compose(launcher: Source, sources: Sequence[Source], target: Path, progress: Progress = ignore) -> Bundle:
    """Write a program, whole or not at all; the first source is its archive. Of a file that was there before, the new
    one keeps permissions and owner, as far as it may.

    Raises:
        UsageError: two sources have one name, or one cannot be the name of a part.
        StorageError: a source is damaged or cannot be read, or the file cannot be written.
        BusyError: another process is writing it.
    """
    _check_names(sources)
    with _replace_program(target) as file:
        return Bundle(target, _write(file, launcher, sources, progress))


def add_part(bundle: Bundle, source: Source, target: Path, progress: Progress = ignore) -> Bundle:
    """Write the same program with one part more, or another one of that name; raises as `compose`."""
    others = [part for part in bundle.contents if part.name != source.name]
    return _rewrite(bundle, others, [source], target, progress)


def remove_part(bundle: Bundle, part: Part, target: Path, progress: Progress = ignore) -> Bundle:
    """Write the same program with one part less; raises as `compose`."""
    return _rewrite(bundle, [other for other in bundle.contents if other != part], [], target, progress)


def _rewrite(
    bundle: Bundle, kept: Sequence[Part], new: Sequence[Source], target: Path, progress: Progress
) -> Bundle:
    """Write another program out of one that must be as it was when it was opened."""
    program, launcher = (_make_source(bundle, part) for part in bundle.parts[:2])
    sources = [program, *(_make_source(bundle, part) for part in kept), *new]
    _check_names(sources)
    with _replace_program(target) as file:
        if open_bundle(bundle.path) != bundle:
            raise BusyError(f"{bundle.path.name} was changed meanwhile.", "Look at it, and try again.")
        return Bundle(target, _write(file, launcher, sources, progress))


def _make_source(bundle: Bundle, part: Part) -> Source:
    return Source(part.kind, part.name, bundle.path, part.offset, part.size, part.sha256)


def _check_names(sources: Sequence[Source]) -> None:
    names = [source.name for source in sources[1:]]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} would be inside twice.", "Rename one of the files.")
        if not table.is_name(name):
            raise UsageError(f"{name!r} cannot be the name of a part.", "Rename the file.")


def _write(
    file: BinaryIO, launcher: Source, sources: Sequence[Source], progress: Progress
) -> tuple[Part, ...]:
    """Write all of a program, and return its parts as its table lists them."""
    meter = Meter(progress, launcher.size + sum(source.size for source in sources))
    front = _append(replace(launcher, kind="launcher", name="launcher"), file, meter)
    archive, *added = (_append(source, file, meter) for source in sources)
    parts = (archive, front, *added)
    file.write(table.encode(parts, file.tell(), b"".join(block for _, block in _read(launcher))))
    return parts


def _append(source: Source, file: BinaryIO, meter: Meter) -> Part:
    offset = table.round_to_page(file.tell())
    file.write(bytes(offset - file.tell()))
    digest = _copy(source, file, meter)
    if source.sha256 not in (None, digest):
        raise make_damage_error(source.path, str(source))
    return Part(source.kind, source.name, offset, source.size, digest)


def _copy(source: Source, file: BinaryIO, meter: Meter) -> str:
    """Copy the bytes of a source to where the file stands, and return their SHA-256."""
    digest, done = hashlib.sha256(), 0
    for original, block in _read(source):
        digest.update(block)
        _put(block, original, source.offset + done, file)
        done += len(block)
        meter.add(str(source), len(block))
    if done < source.size:
        raise make_damage_error(source.path, f"{source} is cut short")
    return digest.hexdigest()


def _read(source: Source) -> Iterator[tuple[BinaryIO, bytes]]:
    """Yield the file of a source with, one after another, its blocks."""
    with files.translate_os_errors(source.path), source.path.open("rb") as original:
        for block in read_stretch(original, source.offset, source.size):
            yield original, block


def _put(block: bytes, original: BinaryIO, offset: int, file: BinaryIO) -> None:
    """Write a block that was read at ``offset``: the kernel copies it if it can."""
    file.flush()
    start, done = file.tell(), 0
    with suppress(OSError):  # other file system, no such call, full: writing tells
        while done < len(block):
            left = len(block) - done
            copied = os.copy_file_range(original.fileno(), file.fileno(), left, offset + done, start + done)
            if not copied:
                break
            done += copied
    file.seek(start + done)
    file.write(block[done:])


@contextmanager
def _replace_program(target: Path) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``target`` at the end of the block, and is gone if that fails."""
    target = target.resolve()
    if target.is_dir():
        raise UsageError(f"{target} is a folder.", "Name the file to be written.")
    with (
        _explain_failure(target),
        files.hold_lock(files.get_unfinished_path(target), f"writing {target.name}"),
        files.replace_atomically(target) as new,
        new.open("wb") as file,
    ):
        yield file
        _copy_owner(target, file)


def _copy_owner(target: Path, file: BinaryIO) -> None:
    """Give the new file permissions and owner of the old one; whoever may read it may run it."""
    old = target.stat() if target.exists() else None
    mode = stat.S_IMODE(old.st_mode) if old else 0o755
    mode |= (mode & 0o444) >> 2
    with suppress(OSError):  # the owner is root's to change; and FAT knows neither
        if old and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
    with suppress(OSError):
        os.fchmod(file.fileno(), mode)


@contextmanager
def _explain_failure(target: Path) -> Iterator[None]:
    """Say of a program that cannot be written what can be done."""
    try:
        yield
    except OSError as error:
        error.filename = None  # the unfinished file's, of which nobody knows
        try:
            with files.translate_os_errors(target):
                raise
        except StorageError as known:
            what = "It is on a FAT disk, whose files are below 4 GiB. " if error.errno == errno.EFBIG else ""
            raise StorageError(known.message, f"{what}{_ELSEWHERE}") from error
