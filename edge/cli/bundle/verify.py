"""``edge bundle verify``: is everything inside as it was put in?"""

from __future__ import annotations

import typer

from edge.cli.bundle.program import Program, opened
from edge.cli.progress import progress
from edge.cli.screen import ALERT, GOOD, Screen


def run(program: Program = None) -> None:
    """Read the whole program and check every byte of it.

    Exit code 8 when one is damaged.
    """
    from edge.bundle.bundle import COPY_AGAIN
    from edge.errors import StorageError

    bundle, screen, damaged = opened(program), Screen(), 0
    with progress() as report:
        for verdict in bundle.verify(lambda what, done, total: report("check", what, done >> 20, total >> 20)):
            damaged += not verdict.sound
            screen.write(("sound   ", GOOD) if verdict.sound else ("DAMAGED ", ALERT), verdict.what)
    if damaged:
        screen.write(COPY_AGAIN, lead=("hint: ", ALERT))
        raise typer.Exit(StorageError.exit_code)
