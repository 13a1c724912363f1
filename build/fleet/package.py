"""A Debian package file (deb(5)) out of entries: what goes where on a machine. What goes in is up to the caller.

Written here rather than by dpkg-deb: the same entries give the same bytes on any machine, files of several gigabytes
are not copied first, and no tool is needed. Nothing is compressed, for the program is already.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

HEADER = "{name:<16}{time:<12}{owner:<6}{group:<6}{mode:<8}{size:<10}`\n"
MOST = 9_999_999_999
"""Bytes of a member: its header has ten digits for them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a package: its absolute path on the machine, and its bytes or the file that holds them."""

    path: str
    content: bytes | Path
    mode: int = 0o644

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def open(self) -> io.BufferedIOBase:
        """Its bytes."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")


def write(
    target: Path, fields: Mapping[str, str], scripts: Mapping[str, str], entries: Sequence[Entry], time: int
) -> None:
    """Write a package, whole or not at all.

    Args:
        fields: of its control file; the installed size is added.
        scripts: maintainer scripts by name. What lies in /etc is a configuration file, which an upgrade leaves alone.
        time: of every file, in seconds since 1970.
    """
    entries = sorted(entries, key=lambda entry: entry.path)
    kilobytes = sum(-(-entry.size // 1024) for entry in entries)
    control = "".join(
        f"{name}: {value}\n" for name, value in {**fields, "Installed-Size": str(kilobytes)}.items()
    )
    kept = "".join(f"{entry.path}\n" for entry in entries if entry.path.startswith("/etc/"))
    about = [
        Entry("/control", control.encode()),
        Entry("/conffiles", kept.encode()),
        Entry("/md5sums", _list_digests(entry for entry in entries if not entry.path.startswith("/etc/"))),
        *(Entry(f"/{name}", text.encode(), 0o755) for name, text in scripts.items()),
    ]
    unfinished = target.with_suffix(".partial")
    with unfinished.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, members in (("debian-binary", None), ("control.tar", about), ("data.tar", entries)):
            _write_member(file, name, members, time)
    unfinished.replace(target)


def _write_member(file: BinaryIO, name: str, entries: Sequence[Entry] | None, time: int) -> None:
    """Write a member: a tar, or without entries the version of the format. Its size is filled in afterwards."""

    def make_header(size: int) -> bytes:
        fields = HEADER.format(name=name, time=time, owner=0, group=0, mode="100644", size=size)
        return fields.encode()

    start = file.tell()
    file.write(make_header(0))
    if entries is None:
        file.write(b"2.0\n")
    else:
        _write_tar(file, entries, time)
    size = file.tell() - start - len(make_header(0))
    if size > MOST:
        raise ValueError(f"{name} has {size} bytes; a Debian package holds {MOST}")
    file.write(b"\n" * (size % 2))
    file.seek(start)
    file.write(make_header(size))
    file.seek(0, io.SEEK_END)


def _write_tar(file: BinaryIO, entries: Sequence[Entry], time: int) -> None:
    folders = sorted({str(parent) for entry in entries for parent in PurePosixPath(entry.path).parents})
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in folders:
            tar.addfile(_make_header(f"{folder.rstrip('/')}/", tarfile.DIRTYPE, 0o755, 0, time))
        for entry in entries:
            with entry.open() as content:
                tar.addfile(_make_header(entry.path, tarfile.REGTYPE, entry.mode, entry.size, time), content)


def _make_header(path: str, kind: bytes, mode: int, size: int, time: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f".{path}")
    info.type, info.mode, info.size, info.mtime = kind, mode, size, time
    info.uname = info.gname = "root"
    return info


def _list_digests(entries: Iterable[Entry]) -> bytes:
    lines = []
    for entry in entries:
        with entry.open() as content:
            lines.append(f"{hashlib.file_digest(content, 'md5').hexdigest()}  {entry.path[1:]}\n")
    return "".join(lines).encode()
