"""Changes of packs as JSON: the classes that document each shape, and the functions that make them.

See ``edge.shapes``, which loads no packs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from edge.packs import changes, citations
from edge.packs.changes import DocumentKind, Kind
from edge.packs.citations import Status


class ValueChange(TypedDict, closed=True):
    """A value and what it is now, as the pages write them; one is empty for a value that came or went."""

    old: str
    new: str


class Change(TypedDict, closed=True):
    """A sentence, or a cell of a row (``row``, ``column``), that changed; ``said`` is one line that says it."""

    kind: Kind
    said: str
    document: str
    heading: str
    row: str
    column: str
    old: str
    new: str
    old_page: int | None
    new_page: int | None
    place: NotRequired[
        Annotated[str, Field(default="", description="Anchor or row, in a file without pages.")]
    ]
    values: list[ValueChange]


class DocumentChange(TypedDict, closed=True):
    """A document that came, went, changed, or has another name than it had (``was``)."""

    kind: DocumentKind
    name: str
    was: NotRequired[Annotated[str, Field(default="", description="Of a renamed one.")]]


class PackVersion(TypedDict, closed=True):
    """A version of a pack."""

    version: str
    digest: str


class PackChanges(TypedDict, closed=True):
    """What changed between two versions of a pack; changes of values come first."""

    name: str
    old: PackVersion
    new: PackVersion
    documents: list[DocumentChange]
    changes: list[Change]


class CitationStanding(TypedDict, closed=True):
    """How a cited passage stands in the pack in use now. ``same`` and ``moved``: word for word."""

    status: Status
    said: str
    version: str
    document: str
    page: int | None
    changes: list[Change]


class Standings(TypedDict, closed=True):
    """The cited passages in the order they were sent; ``changed`` if one of them is not there word for word."""

    changed: bool
    citations: list[CitationStanding]


def dump_changes(found: changes.PackChanges) -> PackChanges:
    """Return what changed between two versions of a pack as JSON."""
    return {
        "name": found.name,
        "old": {"version": found.old_version, "digest": found.old_digest},
        "new": {"version": found.new_version, "digest": found.new_digest},
        "documents": [_dump_document_change(document) for document in found.documents],
        "changes": [_dump_change(change) for change in found.changes],
    }


def dump_standings(found: Iterable[citations.Standing]) -> Standings:
    """Return how cited passages stand now as JSON."""
    listed: list[CitationStanding] = [
        {
            "status": standing.status,
            "said": standing.said,
            "version": standing.version,
            "document": standing.document,
            "page": standing.page,
            "changes": [_dump_change(change) for change in standing.changes],
        }
        for standing in found
    ]
    return {"changed": any(s["status"] not in ("same", "moved") for s in listed), "citations": listed}


def _dump_document_change(document: changes.DocumentChange) -> DocumentChange:
    shape: DocumentChange = {"kind": document.kind, "name": document.name}
    if document.was:
        shape["was"] = document.was
    return shape


def _dump_change(change: changes.Change) -> Change:
    shape: Change = {
        "kind": change.kind,
        "said": change.said,
        "document": change.document,
        "heading": change.heading,
        "row": change.row,
        "column": change.column,
        "old": change.old,
        "new": change.new,
        "old_page": change.old_page,
        "new_page": change.new_page,
        "values": [{"old": value.old, "new": value.new} for value in change.values],
    }
    if change.place:
        shape["place"] = change.place
    return shape
