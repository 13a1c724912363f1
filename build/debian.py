"""Pinned files of the Debian archive (debian-pins.txt), downloaded once from the mirror that this machine uses.

``EDGE_DEBIAN_MIRROR`` names another mirror. Mirrors drop a version some time after it was replaced; a dated snapshot
of the archive keeps it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from fetch import PIN_FOLDER, SetupError, make_cache_folder, say

PINS = PIN_FOLDER / "debian-pins.txt"
SOURCES = Path("/etc/apt")
TIMEOUT = 120
"""Seconds of silence."""
OTHER_MIRROR = "Set EDGE_DEBIAN_MIRROR to a mirror of the Debian archive (the address above pool/)"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of the archive: its path below a mirror, and what it must hash to."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return PurePosixPath(self.path).name

    @property
    def package(self) -> str:
        """The package it is of."""
        return self.name.split("_")[0]

    @property
    def version(self) -> str:
        """The version of the package."""
        return re.sub(r"(_[a-z0-9]+\.deb|\.(orig|debian)\.tar\.\w+)$", "", self.name.partition("_")[2])


def find_pins(pattern: str, file: Path = PINS) -> list[ArchiveFile]:
    """Find the pinned files whose names match, as in a shell."""
    rows = (
        line.split() for line in file.read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")
    )
    found = [ArchiveFile(path, digest) for digest, path in rows]
    return [each for each in found if fnmatchcase(each.name, pattern)]


def find_pin(pattern: str) -> ArchiveFile:
    """Find the one pinned file whose name matches."""
    (found,) = find_pins(pattern)
    return found


def fetch_file(file: ArchiveFile) -> Path:
    """Return the file in the cache folder, downloaded if need be; it appears there whole or not at all.

    Raises:
        SetupError: there is no mirror, it has no such file, or another one under this name.
    """
    target = make_cache_folder() / "downloads" / file.name
    if target.exists():
        return target
    address = f"{choose_mirror()}/{file.path}"
    target.parent.mkdir(exist_ok=True)
    say(f"downloading {file.name}")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        unfinished = Path(scratch, file.name)
        _download(address, unfinished)
        with unfinished.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        if digest != file.sha256:
            raise SetupError(
                f"{address} is not the file that is pinned: its SHA-256 is {digest}.\n"
                f"Nothing was kept of it. Run this again; if it happens again: {OTHER_MIRROR}."
            )
        return unfinished.replace(target)


def choose_mirror(sources: Path = SOURCES) -> str:
    """Return the address of a mirror: ``EDGE_DEBIAN_MIRROR``, else the first that this machine's packages come from.

    Raises:
        SetupError: there is none.
    """
    if chosen := os.environ.get("EDGE_DEBIAN_MIRROR"):
        return chosen.rstrip("/")
    files = [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]
    for file in (each for each in files if each.is_file()):
        text = file.read_text(encoding="utf-8", errors="replace")
        for address in _read_deb822(text) if file.suffix == ".sources" else _read_one_line(text):
            if re.search(r"/debian(/\d+T\d+Z)?/?$", address):
                return address.rstrip("/")
    raise SetupError(f"this machine has no mirror of Debian among its package sources.\n{OTHER_MIRROR}.")


def _read_deb822(text: str) -> Iterator[str]:
    for stanza in re.split(r"\n\s*\n", text):
        lines = (line for line in stanza.splitlines() if not line.startswith("#"))
        fields = {
            key.strip().lower(): value.split() for key, _, value in (line.partition(":") for line in lines)
        }
        if "main" in fields.get("components", []) and fields.get("enabled") != ["no"]:
            yield from fields.get("uris", [])


def _read_one_line(text: str) -> Iterator[str]:
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+\S+\s+(.*)", line)
        if found and "main" in found[2].split():
            yield found[1]


def _download(address: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise SetupError(
                f"{address} cannot be had: {error.code} {error.reason}. Run this again later."
            ) from error
        raise SetupError(
            f"{address} is gone: a newer version has replaced it.\n"
            f"{OTHER_MIRROR} that still has it: a dated snapshot of the archive."
        ) from error
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{address} cannot be had: {error}.\nCheck the network and run this again. {OTHER_MIRROR} if it is another."
        ) from error
