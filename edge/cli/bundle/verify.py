"""``edge bundle verify``: is everything inside as it was put in?"""

from __future__ import annotations

import typer

from edge.cli.bundle.program import Program, opened
from edge.cli.screen import ALERT, GOOD, Screen


def run(program: Program = None) -> None:
    """Read the whole program and check every part of it.

    Exit code 8 when one is damaged.
    """
    from edge.bundle.bundle import COPY_AGAIN
    from edge.errors import StorageError

    bundle, screen = opened(program), Screen()
    damaged = 0
    for part in bundle.parts:
        sound = bundle.is_sound(part)
        damaged += not sound
        screen.write(("sound   ", GOOD) if sound else ("DAMAGED ", ALERT), f"{part.kind} {part.name}")
    if damaged:
        screen.write(COPY_AGAIN, lead=("hint: ", ALERT))
        raise typer.Exit(StorageError.exit_code)
