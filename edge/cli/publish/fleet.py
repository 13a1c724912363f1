"""``edge publish fleet``: the private swarm of a fleet, and torrents of what is published."""

from __future__ import annotations

from pathlib import Path

from edge.cli.publish.options import KeyFolders, Repo
from edge.cli.screen import FAINT, STRONG, Screen, plural


def run(repository: Repo, keys: KeyFolders) -> None:
    """Found the fleet whose devices may fetch packs from each other.

    Its key is kept with the others and admits devices ('edge publish admit'). A fleet founded anew shuts out every
    device that was admitted before, which is how a stolen one is dealt with.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.publish.fleet import found_fleet

    certificate = found_fleet(open_repository(repository), open_keys(keys, repository, create=True))
    screen = Screen()
    screen.write((str(certificate), STRONG), "  the fleet's certificate")
    renew_torrents(repository)
    screen.write(f"Now admit its devices: edge publish admit {repository} DEVICE FOLDER --keys KEYS")


def renew_torrents(folder: Path) -> None:
    """Bring the torrents up to date with what is published; nothing where there is no fleet."""
    from edge.cli.publish.opened import open_repository
    from edge.publish.swarm import make_torrents
    from edge.sync.carriers.identity import FLEET

    repository = open_repository(folder)
    if not (repository.store.metadata / FLEET).exists():
        return
    if made := make_torrents(repository):
        Screen().write((f"{plural(len(made), 'torrent')} for the fleet", FAINT))
