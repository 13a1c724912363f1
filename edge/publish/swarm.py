"""Torrents of what is published, so that devices of the fleet can have it from each other.

They lie in ``metadata``, beside the signed metadata: a mirror serves them as it is, and files under
``targets/`` stay what the metadata names. ``edge.sync.carriers.torrent`` says what they are and why nobody signs them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from edge import files
from edge.publish.export import targets_of
from edge.publish.fleet import fleet_certificate
from edge.publish.repository import Repository
from edge.sync.carriers.torrent import make, torrent_name


def make_torrents(repository: Repository, mirror: str = "") -> tuple[str, ...]:
    """Bring the torrents up to date: one for every published target, none for others.

    Args:
        repository: whose fleet has been founded.
        mirror: the address that serves it, for other BitTorrent programs (BEP 19); a device of the fleet goes by its
            own settings.

    Returns:
        The paths of the targets whose torrents were made; those that were there are left.

    Raises:
        NotFoundError: the fleet has not been founded, or the file of a target is missing.
        UsageError: libtorrent is not installed.
        BusyError, StorageError: as every change.
    """
    store, made = repository.store, []
    with repository.reading() as state:
        fleet = fleet_certificate(store)
        targets = targets_of(state)
        wanted = {store.metadata / torrent_name(target.file): target for target in targets.values()}
        for place, target in wanted.items():
            if not place.exists():
                torrent = make(store.targets / target.file, target.file, fleet, _seed(mirror, target.file))
                files.write_atomically(place, torrent)
                made.append(target.path)
        for place in store.metadata.glob("*.torrent"):
            if place not in wanted:
                files.delete(place)
    return tuple(made)


def _seed(mirror: str, file: str) -> str:
    """The folder of a file on the mirror: of a v2 torrent, libtorrent asks for the name below the address."""
    return f"{mirror.rstrip('/')}/targets/{PurePosixPath(file).parent}/" if mirror else ""
