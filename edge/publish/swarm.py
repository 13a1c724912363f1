"""Torrents of the published files, so that devices of the fleet can get them from each other.

They lie in ``metadata``, beside the signed metadata: a mirror serves them as it is, and files under
``targets/`` stay what the metadata names. ``edge.sync.carriers.torrent`` says what they are and why nobody signs them.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from edge import files
from edge.publish.export import list_targets
from edge.publish.fleet import read_fleet_certificate
from edge.publish.repository import Repository
from edge.sync.carriers.torrent import make_torrent, make_torrent_name


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
    with repository.lock() as state:
        fleet = read_fleet_certificate(store)
        targets = list_targets(state)
        wanted = {store.metadata / make_torrent_name(target.file): target for target in targets.values()}
        for place, target in wanted.items():
            if not place.exists():
                torrent = make_torrent(
                    store.targets / target.file, target.file, fleet, _make_web_seed(mirror, target.file)
                )
                files.write_atomically(place, torrent)
                made.append(target.path)
        for place in store.metadata.glob("*.torrent"):
            if place not in wanted:
                files.delete(place)
    return tuple(made)


def _make_web_seed(mirror: str, file: str) -> str:
    """Return the folder of a file on the mirror: for a v2 torrent, libtorrent asks for the name below the address."""
    return f"{mirror.rstrip('/')}/targets/{PurePosixPath(file).parent}/" if mirror else ""
