"""``edge pack verify``: is every byte as it was built?"""

from __future__ import annotations

from edge.cli.options import PackTarget
from edge.cli.screen import FAINT, GOOD, Screen


def run(target: PackTarget) -> None:
    """Read a whole pack and check it, down to the originals inside.

    Says that it is whole, not who made it.
    """
    from edge.cli.pack.target import open_pack
    from edge.packs.verify import verify

    with open_pack(target) as pack:
        digests = verify(pack.path)
        manifest = pack.manifest
    screen = Screen()
    screen.write(("whole", GOOD), f"  {manifest.name} {manifest.version}")
    screen.write((f"contents {digests.database}", FAINT))
    screen.write((f"file     {digests.file}", FAINT))
