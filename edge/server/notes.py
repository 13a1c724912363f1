"""/notes: the user's own notes on pages, which are found by search."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from edge.notes.note import MAX_TEXT, Note
from edge.server.body import require_json
from edge.server.schema import Name, describe_success, reply
from edge.server.services import ServicesDep

router = APIRouter(default_response_class=Response)


class NoteRequest(BaseModel):
    """A note, and what it is about: a page, a document, a pack, or nothing in particular."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(max_length=MAX_TEXT)]
    pack: Name = ""
    document: Annotated[str, Field(max_length=4096)] = ""
    page: Annotated[int, Field(ge=0, description="1-based; 0 for none.")] = 0
    heading: Annotated[str, Field(max_length=4096)] = ""
    equipment: Name = ""
    who: Name = ""
    id: Annotated[str, Field(max_length=64, description="Yours; sent again, nothing is written twice.")] = ""


class NoteShape(TypedDict, closed=True):
    """A note. ``file`` is its document in the pack ``my-notes``; ``page`` is 0 where it is on none."""

    id: str
    device: str
    at: str
    text: str
    who: str
    pack: str
    document: str
    page: int
    heading: str
    equipment: str
    applies_to: list[str]
    file: str


class NoteList(TypedDict, closed=True):
    """Notes, the newest first."""

    notes: list[NoteShape]


class Removed(TypedDict, closed=True):
    """The id of what was removed."""

    removed: str


@router.get("/notes", name="notes", summary="List my notes", responses=describe_success(shape=NoteList))
async def list_notes(
    services: ServicesDep,
    pack: Annotated[Name, Query(description="Only on this pack")] = "",
    document: Annotated[str, Query(description="Only on this document")] = "",
    page: Annotated[int, Query(ge=0, description="Only on this page")] = 0,
) -> Response:
    """Return the notes of this device, the newest first."""
    found = await services.short.run(lambda: services.edge.notes.list(pack, document, page))
    return reply({"notes": [_dump(note) for note in found]})


@router.post(
    "/notes",
    summary="Write a note",
    dependencies=[Depends(require_json)],
    responses=describe_success(shape=NoteShape),
)
async def add_note(asked: NoteRequest, services: ServicesDep) -> Response:
    """Keep a note; search finds it from then on, in the pack ``my-notes``."""
    return reply(_dump(await services.short.run(lambda: services.edge.notes.add(**asked.model_dump()))))


@router.delete("/notes/{id}", name="note", summary="Remove a note", responses=describe_success(shape=Removed))
async def remove_note(services: ServicesDep, id: str) -> Response:
    """Remove a note; search finds it no more."""
    await services.short.run(lambda: services.edge.notes.remove(id))
    return reply({"removed": id})


def _dump(note: Note) -> dict[str, Any]:
    return {**asdict(note), "file": note.file}
