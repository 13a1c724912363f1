"""What programs and libraries need of a system: the newest versions of glibc and its companions, by their symbols."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from fetch import SetupError

Version = tuple[int, ...]

OLDEST_SYSTEM: dict[str, Version] = {
    "GLIBC": (2, 31),
    "GLIBCXX": (3, 4, 28),
    "CXXABI": (1, 3, 12),
    "GCC": (10,),
}
"""The newest symbols of Debian 11, and of the C++ library that the program carries."""


def find_elf_files(folder: Path) -> list[Path]:
    """Return the programs and libraries in a folder, by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if _starts_as_elf(path)]


def read_needs(files: Iterable[Path]) -> dict[Path, dict[str, Version]]:
    """Read the newest version of each kind (GLIBC, GLIBCXX …) that every file asks for.

    Raises:
        SetupError: binutils is not installed.
    """
    names = [str(path) for path in files]
    if not names:
        return {}
    try:
        # With a file too many it names every file, also where there is one.
        done = subprocess.run(
            ["readelf", "--wide", "--version-info", *names, names[0]],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise SetupError("readelf is not installed. Install it: apt-get install binutils") from error
    found: dict[Path, dict[str, Version]] = {}
    for part in done.stdout.split("\nFile: ")[1:]:
        name, _, text = part.partition("\n")
        # What a file defines itself stands in lines that begin with "Rev:" or "Parent".
        asked = re.findall(r"^ +0x[0-9a-f]+: +Name: ([A-Z]+)_(\d+(?:\.\d+)*) ", text, re.MULTILINE)
        kinds = found.setdefault(Path(name), {})
        for kind, version in asked:
            kinds[kind] = max(kinds.get(kind, ()), tuple(map(int, version.split("."))))
    return found


def find_newest(kind: str, files: Iterable[Path]) -> str:
    """Return the version of one kind that all the files together need."""
    return ".".join(map(str, max((asked.get(kind, ()) for asked in read_needs(files).values()), default=())))


def check(folder: Path, oldest: dict[str, Version] = OLDEST_SYSTEM) -> None:
    """Refuse a folder in which something needs a newer system than the oldest the program is to run on.

    Raises:
        SetupError: the message names what needs what.
    """
    offenders = [
        f"{path.relative_to(folder)} needs {kind} {'.'.join(map(str, version))}"
        for path, asked in read_needs(find_elf_files(folder)).items()
        for kind, version in asked.items()
        if version > oldest.get(kind, version)
    ]
    if offenders:
        raise SetupError("\n".join(["the program would not run on Debian 11:", *offenders]))


def _starts_as_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
