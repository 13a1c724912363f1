"""``edge notes``: the user's own notes, which search finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.group import make_group
from edge.cli.options import Json
from edge.cli.ui.screen import FAINT, Screen

if TYPE_CHECKING:
    from edge.config import Settings
    from edge.notes.store import Notes

app = make_group("notes", "Write notes of your own, which search finds.")


@app.command("list")
def list_notes(json: Json = False) -> None:
    """List my notes, the newest first."""
    from dataclasses import asdict

    screen = Screen()
    with _open_notes() as (_, notes):
        found = notes.list()
    if json:
        screen.write_json({"notes": [{**asdict(note), "file": note.file} for note in found]})
    elif found:
        rows = [(note.id, note.at[:10], note.title.removeprefix("Note on "), note.text) for note in found]
        screen.write_table(("ID", "DATE", "ON", "TEXT"), rows)
    else:
        screen.write(('No note yet: edge notes add "…"', FAINT))


@app.command("add")
def add_note(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it shall say.")],
    pack: Annotated[str, typer.Option("--pack", metavar="NAME", help="The pack that it is about.")] = "",
    document: Annotated[
        str, typer.Option("--document", metavar="FILE", help="The document of that pack.")
    ] = "",
    page: Annotated[int, typer.Option("--page", metavar="N", min=0, help="The page of that document.")] = 0,
    equipment: Annotated[
        str, typer.Option("--equipment", metavar="MODEL", help="The equipment that it applies to.")
    ] = "",
) -> None:
    """Write a note; search finds it from then on."""
    from edge.app import find_subject

    with _open_notes() as (settings, notes):
        note = notes.add(
            text, who=find_subject(settings), pack=pack, document=document, page=page, equipment=equipment
        )
    Screen().write(f"Wrote {note.id}.")


@app.command("remove")
def remove_note(
    id: Annotated[str, typer.Argument(metavar="ID", help="As 'edge notes list' shows it.")],
) -> None:
    """Remove a note."""
    with _open_notes() as (_, notes):
        notes.remove(id)
    Screen().write(f"Removed {id}.")


@contextmanager
def _open_notes() -> Iterator[tuple[Settings, Notes]]:
    from contextlib import closing

    from edge.config import load_settings
    from edge.notes.store import Notes
    from edge.packs.store import PackStore

    settings = load_settings()
    with closing(Notes(settings, PackStore(settings))) as notes:
        yield settings, notes
