"""``edge bundle remove``: the same program with a model or a pack less."""

from __future__ import annotations

from edge.cli.bundle.program import Output, PartName, Program, megabytes, opened
from edge.cli.progress import progress
from edge.cli.screen import Screen


def run(name: PartName, output: Output = None, program: Program = None) -> None:
    """Take a model or a pack out."""
    from edge.bundle.compose import without_part

    bundle = opened(program)
    with progress() as report:
        made = without_part(bundle, bundle.part(name), output or bundle.path, megabytes(report, "write"))
    Screen().write(f"{made.path} no longer contains {name}")
