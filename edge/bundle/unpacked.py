"""The folder that the launcher unpacked the program to, compared with the program's own list of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import zstandard

from edge.bundle.bundle import Bundle
from edge.embedded.part import make_damage_error
from edge.files import hash_file

_LIST_BYTES = 4 << 20
_OTHER_NAMES = {"edge": "edge.exe"}
"""Names that the launcher gives to files that could not be run otherwise (FAT)."""


def find_altered(bundle: Bundle, folder: Path) -> tuple[str, ...]:
    """Return the names of files that are not byte for byte what is in the archive, or are gone.

    Raises:
        StorageError: the archive's list cannot be read.
    """
    return tuple(name for name, sha256 in _list_files(bundle) if not _is_there(folder, name, sha256))


def _list_files(bundle: Bundle) -> Iterator[tuple[str, str]]:
    archive = bundle.parts[0]
    try:
        with bundle.path.open("rb") as file:
            file.seek(archive.offset)
            text = zstandard.ZstdDecompressor().decompressobj().decompress(file.read(_LIST_BYTES)).decode()
        for line in text.splitlines():
            if not line.startswith("frame "):
                _, _, sha256, name = line.split(" ", 3)
                yield name, sha256
    except (OSError, ValueError, zstandard.ZstdError) as error:
        raise make_damage_error(bundle.path, "program edge") from error


def _is_there(folder: Path, name: str, sha256: str) -> bool:
    names = [name, _OTHER_NAMES.get(name, name)]
    return any(_hash(folder / each) == sha256 for each in names)


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError:
        return ""
