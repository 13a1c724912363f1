"""``edge bundle add``: the same program with a model or a pack more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.bundle.program import Output, Program, megabytes, opened
from edge.cli.progress import progress
from edge.cli.screen import Screen


def run(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A GGUF or a .kpack file.")],
    output: Output = None,
    program: Program = None,
) -> None:
    """Put a model or a pack inside; one of the same name is replaced."""
    from edge.bundle.admit import admit
    from edge.bundle.compose import with_part

    bundle, source = opened(program), admit(path)
    with progress() as report:
        made = with_part(bundle, source, output or bundle.path, megabytes(report, "write"))
    Screen().write(f"{made.path} contains {source.name}")
