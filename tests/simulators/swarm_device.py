"""A device that fetches one file from the swarm, as a process that can be killed: prints how many bytes it has.

Arguments: the folder with its certificates, the mirror's folder, its staging folder, its address, an address and port
of a peer, the file, its SHA-256 and length.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.identity import Identity
from edge.sync.carriers.swarm import SwarmCarrier
from edge.sync.payload import Staging
from edge.sync.targets import PACK, Target
from tests.simulators.swarm import LOOPBACK


def main(certificates: str, mirror: str, staging: str, host: str, peer: str, port: str, *file: str) -> None:
    path, sha256, length = file
    carrier = SwarmCarrier(
        FolderCarrier(Path(mirror)),
        lambda: Identity.load(Path(certificates)),
        Path(staging),
        host=host,
        interfaces=LOOPBACK,
    )
    carrier.node.known[peer, int(port)] = None
    target = Target(path, int(length), sha256, PACK)
    Staging(Path(staging)).fetch(carrier, target, lambda done, total: print(done, flush=True))
    carrier.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
