"""``edge publish admit``: a device joins the private swarm of the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.publish.options import KeyFolders, Repo
from edge.cli.screen import STRONG, Screen


def run(
    repository: Repo,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="What people call it.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where its certificate goes, with its key.")
    ],
    keys: KeyFolders,
) -> None:
    """Let a device take part in the fleet's private swarm.

    It may then fetch packs from the other devices and give them to others. What it installs the signatures decide, as
    before.
    """
    from edge.cli.publish.opened import open_keys, open_repository
    from edge.publish.fleet import admit_device

    admit_device(open_repository(repository), open_keys(keys, repository), device, folder)
    screen = Screen()
    screen.write((device, STRONG), f"  is admitted; its key and certificate are in {folder}")
    screen.write("Move them to EDGE_HOME/swarm on the device, and delete them here. Then: edge sync swarm")
