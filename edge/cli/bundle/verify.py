"""``edge bundle verify``: is everything inside as it was put in?"""

from __future__ import annotations

import typer

from edge.cli.bundle.program import Program, megabytes, opened
from edge.cli.progress import progress
from edge.cli.screen import ALERT, GOOD, Screen


def run(program: Program = None) -> None:
    """Read the whole program and check every byte of it.

    Exit code 8 when one is damaged.
    """
    from edge.embedded.part import COPY_AGAIN
    from edge.errors import StorageError

    bundle, screen = opened(program), Screen()
    with progress() as report:
        verdicts = list(bundle.verify(megabytes(report, "check")))
    for verdict in verdicts:
        screen.write(("sound   ", GOOD) if verdict.sound else ("DAMAGED ", ALERT), verdict.what)
    if not all(verdict.sound for verdict in verdicts):
        screen.write(COPY_AGAIN, lead=("hint: ", ALERT))
        raise typer.Exit(StorageError.exit_code)
