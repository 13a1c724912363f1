"""The small file that says which version of a pack is in use. Pure but for the reading of that file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.errors import PackError
from edge.packs.manifest import parse_version

POINTER = "active.json"
_FILE = re.compile(r"(?P<version>[0-9a-z.-]{1,64})-[0-9a-f]{12}\.kpack")


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file of the pack's folder, and whether what is in it was signed when it was installed."""

    file: str
    signed: bool

    @classmethod
    def from_version(cls, version: str, digest: str, signed: bool) -> InstalledFile:
        """Name the file that a version has in the store; the digest keeps two builds of one version apart."""
        return cls(f"{version}-{digest[:12]}.kpack", signed)

    @property
    def version(self) -> str:
        """The version in its name."""
        return self.file.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Pointer:
    """The version in use, and the one before it."""

    active: InstalledFile
    previous: InstalledFile | None

    def list_versions(self) -> Iterator[InstalledFile]:
        """Yield both, as far as there are two."""
        yield self.active
        if self.previous:
            yield self.previous

    def to_json(self) -> bytes:
        """Encode what the file holds."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"


def read_pointer(path: Path) -> Pointer:
    """Read a pointer.

    Raises:
        PackError: it is damaged.
    """
    try:
        fields = json.loads(path.read_bytes())
        previous = _parse_installed(fields["previous"]) if fields["previous"] else None
        return Pointer(_parse_installed(fields["active"]), previous)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PackError(f"{path} is damaged: {error}.", "Install the pack again.") from error


def _parse_installed(fields: Any) -> InstalledFile:
    file, signed = fields["file"], fields["signed"]
    match = _FILE.fullmatch(file)
    if match is None or not isinstance(signed, bool):
        raise ValueError(f"{file!r} is not a pack of the store")
    parse_version(match["version"])
    return InstalledFile(file, signed)
