"""Requests to the server's own endpoints, as pydantic models; responses are made and described here as well.

The shapes of the responses are those of ``edge.shapes``.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from edge.packs.citations import CitedPassage
from edge.server import problems
from edge.shapes import Json, Problem, encode
from edge.types import Message, Question, Role

Name = Annotated[str, Field(max_length=200)]
Responses = dict[int | str, dict[str, Any]]

Subject = Annotated[
    str, Header(alias="X-Subject", max_length=200, description="Who asks, for the audit log.")
]

FAILURE: Responses = {
    "default": {
        "description": "What went wrong",
        "content": {problems.MEDIA_TYPE: {"schema": TypeAdapter(Problem).json_schema()}},
    }
}


class HistoryMessage(BaseModel):
    """An earlier message of the conversation."""

    model_config = ConfigDict(extra="forbid")
    role: Role
    content: Annotated[str, Field(max_length=32_768)]


class ChatRequest(BaseModel):
    """A question. ``history`` replaces what the server remembers of the conversation."""

    model_config = ConfigDict(extra="forbid")
    message: str
    conversation_id: Name | None = None
    history: Annotated[list[HistoryMessage], Field(max_length=100)] | None = None
    equipment: Name | None = None
    packs: Annotated[list[Name], Field(max_length=100)] | None = None
    engine: Name | None = None
    stream: bool = False

    def to_question(self, subject: str) -> Question:
        """Return the question for the assistant, as somebody asks it."""
        return Question(
            text=self.message,
            history=tuple(Message(message.role, message.content) for message in self.history or ()),
            equipment=self.equipment or None,
            packs=tuple(self.packs or ()),
            engine=self.engine or None,
            conversation_id=self.conversation_id or None,
            subject=subject,
        )


class CitedRequest(BaseModel):
    """A citation of an answer, as it was sent; what it has beyond these fields is passed over."""

    model_config = ConfigDict(extra="ignore")
    pack: Name
    version: Name = ""
    digest: Annotated[str, Field(max_length=64, description="Of the pack, where it is known.")] = ""
    document: Annotated[str, Field(max_length=4096)]
    page_from: Annotated[int, Field(ge=1)] = 1
    heading: str = ""
    text: str

    def to_passage(self) -> CitedPassage:
        """Return the passage that is looked for."""
        return CitedPassage(
            self.pack, self.version, self.document, self.page_from, self.heading, self.text, self.digest
        )


def describe_success(*media_types: str, shape: type | None = None) -> Responses:
    """Return the ``responses`` of an endpoint: JSON of a shape, or text or bytes of these media types."""
    success: dict[str, Any] = {"description": "OK"}
    if shape:
        success["model"] = shape
    if media_types:
        success["content"] = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {200: success}


def reply(value: Json) -> Response:
    """Return a response with status 200 and ``value`` as JSON."""
    return Response(encode(value), media_type="application/json")
