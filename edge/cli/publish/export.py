"""``edge publish export``: a repository, or some of its packs, onto a USB stick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.publish.options import Repo
from edge.cli.screen import CAREFUL, STRONG, Screen, plural
from edge.text.sizes import size


def run(
    repository: Repo,
    folder: Annotated[
        Path, typer.Argument(metavar="USB_DIR", help="A folder on the stick, made if missing.")
    ],
    packs: Annotated[
        list[str] | None,
        typer.Option("--packs", metavar="NAME", help="Only these packs ('acme-*' too). May be repeated."),
    ] = None,
) -> None:
    """Copy the repository to a stick, or bring a stick up to date.

    Every file is checked against its signature. Needs no key: what is on the stick is signed already.
    """
    from edge.cli.progress import progress
    from edge.cli.publish.opened import open_repository
    from edge.publish.export import export

    opened = open_repository(repository)
    with progress() as report:
        done = export(opened, folder, packs or (), report)
    screen = Screen()
    copied = f"{plural(len(done.targets), 'file')}, {size(done.copied)} copied"
    removed = f", {size(done.removed)} of older versions deleted" if done.removed else ""
    screen.write((str(folder), STRONG), f"  {copied}{removed}")
    screen.write(f"On the device: edge sync {folder}")
    if waiting := opened.look().waiting:
        screen.write((f"Not on it: {plural(len(waiting), 'change')} waiting for signatures.", CAREFUL))
