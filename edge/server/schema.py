"""The wire as pydantic models: they check requests, and describe in OpenAPI what ``edge.shapes`` makes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.server import problems
from edge.types import Message, Mode, Question, Role

Name = Annotated[str, Field(max_length=200)]


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

    def question(self) -> Question:
        """The question as the assistant takes it."""
        return Question(
            text=self.message,
            history=tuple(Message(message.role, message.content) for message in self.history or ()),
            equipment=self.equipment or None,
            packs=tuple(self.packs or ()),
            engine=self.engine or None,
            conversation_id=self.conversation_id or None,
        )


class _Shape(BaseModel):
    """A response. Nothing leaves that is not described here."""

    model_config = ConfigDict(extra="forbid")


class Box(_Shape):
    """A rectangle on page ``page``, in fractions of its width and height from the top left corner."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


class Passage(_Shape):
    """Pages are 1-based positions in the file; ``page_label`` is what is printed, where that differs."""

    pack: str
    version: str
    document: str
    page_from: int
    page_to: int
    page_label: str = Field(default="", description="Absent where it is the position.")
    heading: str
    text: str
    score: float
    signed: bool
    boxes: list[Box] = Field(description="Where its lines stand; empty where there are no pages to draw.")


class Citation(Passage):
    """The passage that ``[n]`` in the answer means."""

    n: int


class SafetyWarning(_Shape):
    """A warning that applies, word for word."""

    text: str
    citation: int


class Timings(_Shape):
    """Milliseconds from the question; null for what was never reached."""

    evidence: float | None
    first_token: float | None
    total: float | None


class Answer(_Shape):
    """A finished turn. ``unverified`` are values no cited passage contains; the answer does not state them."""

    answer: str
    refused: bool
    mode: Mode
    citations: list[Citation]
    warnings: list[SafetyWarning]
    unverified: list[str]
    conversation_id: str
    engine: str
    timings_ms: Timings
    notice: str = Field(default="", description="How the answer came about, when that is worth saying.")


class Search(_Shape):
    """Passages, best first."""

    results: list[Passage]
    ms: float
    missing: list[str] = Field(default_factory=list, description="Codes asked for that no pack mentions.")


class InstalledPack(_Shape):
    """A pack in use; ``previous`` is the version that a rollback brings back. It was installed, or it came along with
    the program, beside it or inside."""

    name: str
    version: str
    title: str
    digest: str
    size: int
    signed: bool
    previous: str | None
    place: Literal["installed", "beside", "inside"]


class PackProblem(_Shape):
    """An installed pack that cannot be used."""

    name: str
    detail: str
    hint: str


class Packs(_Shape):
    """What is installed."""

    packs: list[InstalledPack]
    problems: list[PackProblem]


class Health(_Shape):
    """``degraded``: no pack, a pack that cannot be used, or an engine that cannot be made."""

    status: Literal["ok", "degraded"]
    version: str
    packs: int
    engine: str


class Problem(_Shape):
    """An error (RFC 9457), with what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    hint: str
    errors: list[dict[Literal["field", "message"], str]] = Field(
        default=[], description="Of an invalid request."
    )


Responses = dict[int | str, dict[str, Any]]

FAILURE: Responses = {
    "default": {
        "description": "What went wrong",
        "content": {problems.MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}


def content(*media_types: str, model: type[BaseModel] | None = None) -> Responses:
    """The ``responses`` of an endpoint: JSON of a model, or text or bytes of these media types."""
    success: dict[str, Any] = {"description": "OK"}
    if model:
        success["model"] = model
    if media_types:
        success["content"] = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {200: success}
