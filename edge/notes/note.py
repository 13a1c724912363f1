"""A note, and the documents of the pack that notes become. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge.packs.manifest import Manifest
from edge.packs.record import Page, Record

PACK = "my-notes"
"""The name of the pack of notes."""
TITLE = "My notes"
MAX_TEXT = 4_000
MAX_NAME = 200
MAX_NOTES = 5_000


@dataclass(frozen=True, slots=True)
class Note:
    """A note of the user.

    Attributes:
        id: on any device.
        device, at: where and when (UTC, ISO 8601) it was written.
        text: what it says.
        who: who wrote it.
        pack, document, page: what it is about; empty, and 0, for a note on nothing in particular.
        heading: under which the passage stands that it is about.
        equipment: the machine it is about. ``applies_to``: the models of what it is about; empty for all.
    """

    id: str
    device: str
    at: str
    text: str
    who: str = ""
    pack: str = ""
    document: str = ""
    page: int = 0
    heading: str = ""
    equipment: str = ""
    applies_to: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of its document in the pack of notes."""
        return f"note-{self.id}.txt"

    @property
    def title(self) -> str:
        """What it is about: ``Note on manual.pdf, page 41``."""
        page = f", page {self.page}" if self.page else ""
        return f"Note on {self.document}{page}" if self.document else "Note"


def make_manifest(revision: int) -> Manifest:
    """Return the manifest of the pack after so many changes."""
    return Manifest(PACK, f"1.{revision}", TITLE, licence="private")


def make_original(note: Note) -> bytes:
    """Return a note as the file that the pack holds."""
    head = [note.title, note.heading, note.equipment, " ".join(filter(None, (note.at[:10], note.who)))]
    return "\n".join([*filter(None, head), "", note.text, ""]).encode()


def make_records(note: Note) -> list[Record]:
    """Return what is searched of a note: its text under what it is about."""
    heading = " > ".join(filter(None, (note.title, note.heading)))
    return [Record("text", heading, note.text, 1, 1, section=0)]


def make_pages() -> tuple[Page, ...]:
    """Return the pages of a note's document."""
    return (Page(1),)
