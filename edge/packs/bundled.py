"""Packs that came with the program, embedded in it or beside it: each copy of one is checked as a whole once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge import files
from edge.embedded.bundled import BundledFile, Place, list_bundled
from edge.embedded.findings import Findings
from edge.embedded.part import COPY_AGAIN, locate, read_stamp
from edge.errors import EdgeError, PackError, StorageError
from edge.packs.format import check_digest
from edge.packs.pack import Pack
from edge.packs.verify import verify


@dataclass(frozen=True, slots=True)
class BundledPack:
    """A pack that is embedded in the program or beside it. ``error`` says why it cannot be used; its name is the file's
    then.
    """

    name: str
    path: Path
    place: Place
    error: EdgeError | None = None


def list_bundled_packs(findings: Findings) -> tuple[BundledPack, ...]:
    """List them in the order of precedence.

    Args:
        findings: on packs that were checked before.

    Raises:
        StorageError: the program is damaged.
    """
    return tuple(_read_pack(found, findings) for found in list_bundled("pack"))


def _read_pack(found: BundledFile, findings: Findings) -> BundledPack:
    try:
        if findings.find(found.path) is None:
            with files.translate_os_errors(found.path):
                seen = read_stamp(found.path)
                findings.keep(found.path, _check(found), seen)
        with Pack.open(found.path) as pack:
            name = pack.manifest.name
        if found.place == "inside" and name != found.path.stem:
            raise PackError(f"It calls itself {name}.")
    except EdgeError as error:
        return BundledPack(found.path.stem, found.path, found.place, _explain(found, error))
    return BundledPack(name, found.path, found.place)


def _check(found: BundledFile) -> str:
    """Check a pack and return its SHA-256. One that is embedded was verified when it was put there."""
    if found.place == "beside":
        return verify(found.path).file
    inside, digest = locate(found.path), check_digest(found.path).file
    if inside is None or digest != inside.sha256:
        raise PackError("It is not what the table of contents says.")
    return digest


def _explain(found: BundledFile, error: EdgeError) -> EdgeError:
    if found.place == "inside":
        return StorageError(f"{found} is damaged.", COPY_AGAIN)
    if isinstance(error, PackError):
        return PackError(f"{found} is damaged, or was not copied as a whole.", f"Copy it again: {found.path}")
    return error
