"""``edge bundle`` and ``edge licenses``: show and change what is embedded in the one-file program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.group import make_group
from edge.cli.options import Json
from edge.cli.ui.progress import report_megabytes, show_progress
from edge.cli.ui.screen import ALERT, GOOD, Screen
from edge.files import format_size

if TYPE_CHECKING:
    from edge.bundle.bundle import Bundle

Program = Annotated[
    Path | None, typer.Option("--program", metavar="FILE", help="A one-file program. [the one that runs]")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The new program. [replaces the old one]"),
]
PartName = Annotated[str, typer.Argument(metavar="NAME", help="As `edge bundle list` shows it.")]

app = make_group("bundle", "List and change the models and packs in the one-file program.")


@app.command("list")
def list_parts(program: Program = None, json: Json = False) -> None:
    """Show what the program contains."""
    from dataclasses import asdict

    bundle, screen = _open_program(program), Screen()
    if json:
        screen.write_json({"program": str(bundle.path), "parts": [asdict(part) for part in bundle.parts]})
        return
    rows = [(part.kind, part.name, f"{format_size(part.size):>9}", part.sha256[:16]) for part in bundle.parts]
    screen.write_table(("KIND", "NAME", "     SIZE", "SHA-256"), rows)


@app.command("verify")
def verify_program(program: Program = None) -> None:
    """Read the whole program and check every byte of it.

    Exit code 8 when a byte is wrong.
    """
    from edge.embedded.part import COPY_AGAIN
    from edge.errors import StorageError

    bundle, screen = _open_program(program), Screen()
    with show_progress() as report:
        verdicts = list(bundle.verify(report_megabytes(report, "check")))
    for verdict in verdicts:
        screen.write(("sound   ", GOOD) if verdict.sound else ("DAMAGED ", ALERT), verdict.what)
    if not all(verdict.sound for verdict in verdicts):
        screen.write(COPY_AGAIN, lead=("hint: ", ALERT))
        raise typer.Exit(StorageError.exit_code)


@app.command("extract")
def extract_part(
    name: PartName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write. [NAME in this folder]"),
    ] = None,
    program: Program = None,
) -> None:
    """Write a model or a pack out as a file."""
    bundle = _open_program(program)
    target = output or Path(name)
    with show_progress() as report:
        bundle.extract(bundle.get_part(name), target, report_megabytes(report, "write"))
    Screen().write(str(target))


@app.command("add")
def add_part(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A GGUF or a .kpack file.")],
    output: Output = None,
    program: Program = None,
) -> None:
    """Put a model or a pack inside; one of the same name is replaced."""
    from edge.bundle.admit import admit
    from edge.bundle.compose import add_part

    bundle, source = _open_program(program), admit(path)
    with show_progress() as report:
        made = add_part(bundle, source, output or bundle.path, report_megabytes(report, "write"))
    Screen().write(f"{made.path} contains {source.name}")


@app.command("remove")
def remove_part(name: PartName, output: Output = None, program: Program = None) -> None:
    """Take a model or a pack out."""
    from edge.bundle.compose import remove_part

    bundle = _open_program(program)
    with show_progress() as report:
        target = output or bundle.path
        made = remove_part(bundle, bundle.get_part(name), target, report_megabytes(report, "write"))
    Screen().write(f"{made.path} no longer contains {name}")


def print_licences() -> None:
    """Print the licences of all parts of the one-file program."""
    from edge.about import read_licences

    print(read_licences(), end="")


def _open_program(program: Path | None) -> Bundle:
    """Open the program that is named, else the one that runs.

    Raises:
        UsageError: none is named, and the one that runs is no one-file program.
        NotFoundError, StorageError: as `open_bundle`.
    """
    from edge.bundle.bundle import open_bundle, open_own_bundle
    from edge.errors import UsageError

    bundle = open_bundle(program) if program else open_own_bundle()
    if bundle is None:
        raise UsageError("This edge is not a one-file program.", "Name one: --program FILE")
    return bundle
