"""The sources of ``edge sync``: words of a command line or the setting ``sources`` as carriers; mounted sticks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from edge.config import Settings, parse_list
from edge.errors import NotFoundError, UsageError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.identity import Identity
from edge.sync.carriers.interface import Carrier
from edge.sync.carriers.swarm import SwarmCarrier

USB = "usb"
SWARM = "swarm"
MOUNTS = (Path("/media"), Path("/run/media"), Path("/mnt"))
"""Where desktops and people mount sticks."""

_DEPTH = 3
"""Of a repository below these: ``/run/media/USER/STICK/FOLDER``."""


def make_carriers(
    settings: Settings, named: Sequence[str] = (), *, usb: bool = False, mounts: Sequence[Path] = MOUNTS
) -> list[Carrier]:
    """Return the carriers to try, in order: sticks if asked for, then the sources named, else the configured ones.

    Raises:
        NotFoundError: sticks were asked for, and none holds a repository.
        UsageError: a source that is none, or none at all.
    """
    found = [FolderCarrier(folder) for folder in find_usb_folders(mounts)]
    if usb and not found:
        places = ", ".join(map(str, mounts))
        raise NotFoundError(
            f"No stick with knowledge packs was found under {places}.",
            "Put one in, or name its folder: edge sync /path/to/stick",
        )
    words = named or (() if usb else parse_list(settings.sources))
    if not words and not usb:
        raise UsageError(
            "No source is named or configured.",
            "Name one: `edge sync https://mirror.example`, a folder, or --usb; or set 'sources'.",
        )
    chosen: list[Carrier] = [*found] if usb else []
    for index, word in enumerate(words):
        if word == USB:
            chosen += found
        elif word == SWARM:
            chosen.append(_make_swarm([*words[index + 1 :], *words[:index]], found, settings))
        else:
            chosen.append(make_carrier(word, settings))
    return chosen


def make_carrier(source: str, settings: Settings) -> Carrier:
    """Return one source as a carrier. Nothing is opened yet.

    Raises:
        UsageError: it is neither an address nor a folder.
    """
    if "://" in source:
        return HttpsCarrier(source, settings)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise UsageError(
            f"{source} is no folder.", "Name a folder with 'metadata' and 'targets', or an https:// address."
        )
    return FolderCarrier(folder)


def _make_swarm(others: Sequence[str], found: Sequence[Carrier], settings: Settings) -> Carrier:
    """Return the swarm with the next source behind it, which gives the lists."""
    behind = [
        *(make_carrier(word, settings) for word in others if word not in (USB, SWARM)),
        *(found if USB in others or not others else ()),
    ]
    if not behind:
        raise UsageError(
            "The swarm carries packs, not lists: it needs a source behind it.",
            "Name one after it: `edge sync swarm https://mirror.example`, or a folder.",
        )
    certificates = settings.home / "swarm"
    return SwarmCarrier(behind[0], lambda: Identity.load(certificates), settings.sync_dir / "staging")


def find_usb_folders(mounts: Iterable[Path] = MOUNTS) -> list[Path]:
    """Return the folders below the usual mount points that hold a repository."""
    return [folder for mount in mounts for folder in _find_repositories(mount)]


def _find_repositories(mount: Path) -> Iterator[Path]:
    for depth in range(_DEPTH + 1):
        with suppress(OSError):  # a stick that fails is one that is not there
            found = sorted(mount.glob("*/" * depth + "metadata/timestamp.json"))
            yield from (timestamp.parent.parent for timestamp in found)
