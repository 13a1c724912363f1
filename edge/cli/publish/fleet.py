"""``edge publish fleet`` and ``admit``: the private swarm of a fleet, and the torrents of what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.publish.repository import KeyFolders, Repo, open_keys, open_repository
from edge.cli.ui.screen import FAINT, STRONG, Screen, format_count


def found_fleet(repository: Repo, keys: KeyFolders) -> None:
    """Found the fleet whose devices may fetch packs from each other.

    Its key is kept with the others and admits devices ('edge publish admit'). Founding the fleet again
    shuts out every device that was admitted before: do it when one is stolen.
    """
    from edge.publish.fleet import found_fleet

    certificate = found_fleet(open_repository(repository), open_keys(keys, repository, create=True))
    screen = Screen()
    screen.write((str(certificate), STRONG), "  the fleet's certificate")
    renew_torrents(repository)
    screen.write(f"Now admit its devices: edge publish admit {repository} DEVICE FOLDER --keys KEYS")


def admit_device(
    repository: Repo,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A name for the device.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where its certificate goes, with its key.")
    ],
    keys: KeyFolders,
) -> None:
    """Let a device take part in the fleet's private swarm.

    It may then fetch packs from the other devices and give them to others. It still installs only what the publisher
    has signed.
    """
    from edge.publish.fleet import admit_device

    admit_device(open_repository(repository), open_keys(keys, repository), device, folder)
    screen = Screen()
    screen.write((device, STRONG), f"  is admitted; its key and certificate are in {folder}")
    screen.write("Move them to EDGE_HOME/swarm on the device, and delete them here. Then: edge sync swarm")


def renew_torrents(folder: Path) -> None:
    """Bring the torrents up to date with what is published. Does nothing where there is no fleet."""
    from edge.publish.swarm import make_torrents
    from edge.sync.carriers.identity import FLEET

    repository = open_repository(folder)
    if not (repository.store.metadata / FLEET).exists():
        return
    if made := make_torrents(repository):
        Screen().write((f"{format_count(len(made), 'torrent')} for the fleet", FAINT))
