"""Which program a command is about: the one that is named, else the one that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.bundle.bundle import Bundle, Progress
    from edge.cli.progress import Report

Program = Annotated[
    Path | None, typer.Option("--program", metavar="FILE", help="A one-file program. [the one that runs]")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The new program. [in its place]")
]
PartName = Annotated[str, typer.Argument(metavar="NAME", help="As `edge bundle list` shows it.")]


def megabytes(report: Report, stage: str) -> Progress:
    """Progress in bytes, reported in megabytes."""
    return lambda what, done, total: report(stage, what, done >> 20, total >> 20)


def opened(program: Path | None) -> Bundle:
    """The program.

    Raises:
        UsageError: none is named, and what runs is no one-file program.
        NotFoundError, StorageError: as `open_bundle`.
    """
    from edge.bundle.bundle import open_bundle, own_bundle
    from edge.errors import UsageError

    bundle = open_bundle(program) if program else own_bundle()
    if bundle is None:
        raise UsageError("This edge is not a one-file program.", "Name one: --program FILE")
    return bundle
