"""The table of contents of the one-file program, and the footer that leads to it.

    launcher | parts, each from a page boundary on | table | footer

The table is text, one part a line: ``KIND OFFSET SIZE SHA-256 NAME``; the first is the archive that the launcher
unpacks, the second the launcher itself. Between parts are zeros. The footer is the file's last 64 bytes, so that it is
found at once however large the file is: magic, version, CRC-32 of the table, its offset and size, size and CRC-32 of
the launcher, zeros, CRC-32 of the footer itself. build/launcher/archive.c reads the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, get_args

Kind = Literal["program", "launcher", "model", "pack"]

PAGE = 65536
"""Parts begin at multiples of it: the largest page of the machines that edge runs on."""

FOOTER_SIZE = 64

_FOOTER = struct.Struct("<8sIIQQII20x")
_MAGIC = b"EDGEFILE"
_VERSION = 1
_MAX_TABLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the program: ``size`` bytes from ``offset`` on, in hexadecimal their SHA-256."""

    kind: Kind
    name: str
    offset: int
    size: int
    sha256: str

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + self.size

    def __str__(self) -> str:
        return format_label(self.kind, self.name)


class TableError(Exception):
    """The footer or the table is damaged; the message says which."""


def format_label(kind: Kind, name: str) -> str:
    """Name a part for people: ``program``, ``launcher``, ``model NAME``, ``pack NAME``."""
    return f"{kind} {name}" if kind in ("model", "pack") else kind


def round_to_page(offset: int) -> int:
    """Return the first page boundary from an offset on."""
    return -(-offset // PAGE) * PAGE


def encode(parts: Sequence[Part], offset: int, launcher: bytes) -> bytes:
    """Encode table and footer, to be written at ``offset``, the end of the file that begins with ``launcher``."""
    lines = [f"{part.kind} {part.offset} {part.size} {part.sha256} {part.name}\n" for part in parts]
    table = "".join(lines).encode()
    about = len(launcher), zlib.crc32(launcher)
    footer = _FOOTER.pack(_MAGIC, _VERSION, zlib.crc32(table), offset, len(table), *about)
    return table + footer + zlib.crc32(footer).to_bytes(4, "little")


def read(file: BinaryIO) -> tuple[Part, ...] | None:
    """Read the parts of a program; None when the file has no footer, as no one-file program does.

    Raises:
        TableError: there is one, and it or the table is damaged.
    """
    length = file.seek(0, 2)
    if length < FOOTER_SIZE:
        return None
    file.seek(length - FOOTER_SIZE)
    footer = file.read(FOOTER_SIZE)
    magic, version, crc, offset, size, _, _ = _FOOTER.unpack(footer[: _FOOTER.size])
    if magic != _MAGIC:
        return None
    if int.from_bytes(footer[_FOOTER.size :], "little") != zlib.crc32(footer[: _FOOTER.size]):
        raise TableError("the footer")
    if version != _VERSION:
        raise TableError("the footer, or it is of a newer edge")
    if size > _MAX_TABLE or offset + size != length - FOOTER_SIZE:
        raise TableError("the footer")
    file.seek(offset)
    table = file.read(size)
    if zlib.crc32(table) != crc:
        raise TableError("the table of contents")
    try:
        return _check_parts([_parse_part(line) for line in table.decode().split("\n")[:-1]], offset)
    except ValueError as error:
        raise TableError("the table of contents") from error


def _parse_part(line: str) -> Part:
    kind, offset, size, sha256, name = line.split(" ", 4)
    if kind not in get_args(Kind) or len(sha256) != 64 or not is_name(name):
        raise ValueError(line)
    part = Part(kind, name, int(offset), int(size), sha256)  # type: ignore[arg-type]
    if part.offset < 0 or part.size < 0 or part.offset % PAGE:
        raise ValueError(line)
    return part


def is_name(name: str) -> bool:
    """Return whether a part can have this name: it must fit a line, and be a file's name when the part is extracted."""
    return bool(name) and name.isprintable() and "/" not in name and name not in (".", "..")


def _check_parts(parts: list[Part], end: int) -> tuple[Part, ...]:
    """Check that program and launcher come first, no two parts have one name, and none reaches into another."""
    if [part.kind for part in parts[:2]] != ["program", "launcher"] or parts[1].offset:
        raise ValueError("no program with its launcher")
    added = parts[2:]
    if any(part.kind in ("program", "launcher") for part in added):
        raise ValueError("two programs")
    if len({part.name for part in added}) < len(added):
        raise ValueError("two parts of one name")
    placed = sorted(parts, key=lambda part: (part.offset, part.end))
    starts = [*(part.offset for part in placed[1:]), end]
    if any(part.end > start for part, start in zip(placed, starts, strict=True)):
        raise ValueError("parts reach into each other")
    return tuple(parts)
