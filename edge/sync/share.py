"""Share installed packs with the other devices of the fleet: the other half of the swarm.

Needs no source and no list: what is installed is what was signed, and its torrent follows from the file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from edge.config import Settings
from edge.errors import NotFoundError
from edge.packs.format import check_digest
from edge.packs.store import InstalledPack, PackStore
from edge.sync.carriers.identity import Identity
from edge.sync.carriers.node import Node
from edge.sync.carriers.torrent import load_parameters, make_torrent
from edge.sync.targets import PACK, Target, make_pack_path


def share(
    settings: Settings,
    ended: Callable[[], bool],
    *,
    shared: Callable[[InstalledPack], None] = lambda pack: None,
    host: str = "0.0.0.0",
    interfaces: tuple[int, ...] = (),
) -> None:
    """Serve installed packs until ``ended`` says so; a pack that is installed meanwhile is not among them.

    Args:
        settings: whose packs; ``EDGE_HOME/swarm`` says which fleet.
        ended: asked several times a second.
        shared: told of each pack once others can have it.
        host: the address to take connections at.
        interfaces: of the beacon, by index; empty for all.

    Raises:
        NotFoundError: this device is in no fleet, or has no signed pack.
        UsageError: libtorrent is not installed.
        PackError: an installed pack is damaged.
        TrustError, CarrierError: its certificates or the network cannot be used.
    """
    identity = Identity.load(settings.home / "swarm")
    packs = [pack for pack in PackStore(settings).list() if pack.signed and pack.path.exists()]
    if not packs:
        raise NotFoundError("There is no signed pack to share.", "Get one first: edge sync")
    with closing(Node(identity, host, interfaces)) as node:
        for pack in packs:
            _seed(node, pack, identity.fleet)
            shared(pack)
        while not ended():
            node.turn()


def _seed(node: Node, pack: InstalledPack, fleet: str) -> None:
    length = pack.path.stat().st_size
    path = Target(make_pack_path(pack.name), length, check_digest(pack.path).file, PACK).file
    node.seed(load_parameters(make_torrent(pack.path, path, fleet), path, length, fleet), pack.path)
