"""``edge bundle extract``: a part as a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.bundle.program import PartName, Program, megabytes, opened
from edge.cli.progress import progress
from edge.cli.screen import Screen


def run(
    name: PartName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to. [NAME, here]")
    ] = None,
    program: Program = None,
) -> None:
    """Write a model or a pack out as a file."""
    bundle = opened(program)
    target = output or Path(name)
    with progress() as report:
        bundle.extract(bundle.part(name), target, megabytes(report, "write"))
    Screen().write(str(target))
