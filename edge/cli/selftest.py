"""``edge self-test``: does it work on this machine, as it was copied here?"""

from __future__ import annotations

from itertools import chain

from edge.cli.bundle.program import megabytes
from edge.cli.options import Json


def selftest(json: Json = False) -> None:
    """Check every byte of the program, this machine, and an answer of each pack.

    Exit code 1 when something is wrong.
    """
    from edge import selfcheck
    from edge.cli.checks import show
    from edge.cli.progress import progress
    from edge.config import load_settings

    settings = load_settings()
    with progress() as report:
        program = list(selfcheck.program(settings, megabytes(report, "check")))
    show(chain(program, selfcheck.machine(settings)), json)
