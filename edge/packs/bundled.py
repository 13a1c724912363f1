"""Packs that came with the program, embedded in it or beside it: each copy of one is checked as a whole once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge import files
from edge.embedded.bundled import Carried, Place, carried
from edge.embedded.findings import Checked
from edge.embedded.part import COPY_AGAIN, locate, look
from edge.errors import EdgeError, PackError, StorageError
from edge.packs.format import check_digest
from edge.packs.pack import Pack
from edge.packs.verify import verify


@dataclass(frozen=True, slots=True)
class CarriedPack:
    """A pack that is embedded in the program or beside it. ``error`` says why it cannot be used; its name is the file's
    then.
    """

    name: str
    path: Path
    place: Place
    error: EdgeError | None = None


def carried_packs(checked: Checked) -> tuple[CarriedPack, ...]:
    """List them in the order of precedence.

    Args:
        checked: what is remembered of packs that were checked before.

    Raises:
        StorageError: the program is damaged.
    """
    return tuple(_pack(found, checked) for found in carried("pack"))


def _pack(found: Carried, checked: Checked) -> CarriedPack:
    try:
        if checked.finding(found.path) is None:
            with files.storage_errors(found.path):
                seen = look(found.path)
                checked.keep(found.path, _check(found), seen)
        with Pack.open(found.path) as pack:
            name = pack.manifest.name
        if found.place == "inside" and name != found.path.stem:
            raise PackError(f"It calls itself {name}.")
    except EdgeError as error:
        return CarriedPack(found.path.stem, found.path, found.place, _told(found, error))
    return CarriedPack(name, found.path, found.place)


def _check(found: Carried) -> str:
    """Check a pack and return its SHA-256. One that is embedded was verified when it was put there."""
    if found.place == "beside":
        return verify(found.path).file
    inside, digest = locate(found.path), check_digest(found.path).file
    if inside is None or digest != inside.sha256:
        raise PackError("It is not what the table of contents says.")
    return digest


def _told(found: Carried, error: EdgeError) -> EdgeError:
    if found.place == "inside":
        return StorageError(f"{found} is damaged.", COPY_AGAIN)
    if isinstance(error, PackError):
        return PackError(f"{found} is damaged, or was not copied as a whole.", f"Copy it again: {found.path}")
    return error
