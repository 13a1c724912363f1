"""The JSON that leaves edge: a class that documents each shape, and the function that makes it.

``edge … --json`` prints these dictionaries, the server sends them, and ``/openapi.json`` is generated from the same
classes. A field that is ``NotRequired`` is left out when there is nothing to say. No web framework is loaded;
pydantic is, but typer has loaded it already to read the command line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from edge import types
from edge.embedded.bundled import Place
from edge.types import Mode

if TYPE_CHECKING:
    from edge.packs import store

Json = Mapping[str, Any]
InvalidField = dict[Literal["field", "message"], str]


class Box(TypedDict, closed=True):
    """A rectangle on page ``page``, in fractions of its width and height from the top left corner."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


class _Passage(TypedDict):
    pack: str
    version: str
    document: str
    page_from: int
    page_to: int
    page_label: NotRequired[Annotated[str, Field(default="", description="Absent where it is the position.")]]
    place: NotRequired[
        Annotated[str, Field(default="", description="Anchor (#reset) or row, in a file without pages.")]
    ]
    doubtful: NotRequired[
        Annotated[
            bool, Field(default=False, description="A value was read from a scan: compare with the page.")
        ]
    ]
    heading: str
    text: str
    score: float
    signed: bool
    boxes: Annotated[
        list[Box], Field(description="Where its lines stand; empty where there are no pages to draw.")
    ]
    chunks: Annotated[
        list[int], Field(description="The parts of the document that it was put together from.")
    ]


class Passage(_Passage, closed=True):
    """Pages are 1-based positions in the file; ``page_label`` is what is printed, where that differs."""


class Citation(_Passage, closed=True):
    """The passage that ``[n]`` in the answer means."""

    n: int


class SafetyWarning(TypedDict, closed=True):
    """A warning that applies, word for word."""

    text: str
    citation: int


class Choice(TypedDict, closed=True):
    """One of the things that the question may mean; sent back as a message, ``label`` completes the question."""

    label: str
    citation: int


class Timings(TypedDict, closed=True):
    """Milliseconds from the question; null for what was never reached."""

    evidence: float | None
    quote: float | None
    first_token: float | None
    total: float | None


class Answer(TypedDict, closed=True):
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
    choices: NotRequired[Annotated[list[Choice], Field(description="In mode ``clarify``: 2 to 4 of them.")]]
    notice: NotRequired[
        Annotated[str, Field(default="", description="How the answer came about, when that is worth saying.")]
    ]
    receipt: NotRequired[
        Annotated[str, Field(default="", description="Its row in the audit log: GET /receipts/{receipt}.")]
    ]


class Evidence(TypedDict, closed=True):
    """The passages of a turn, before anything is written; passage [1] comes first."""

    passages: list[Passage]
    ms: float


class Search(TypedDict, closed=True):
    """Passages, best first."""

    results: list[Passage]
    ms: float
    missing: NotRequired[Annotated[list[str], Field(description="Codes asked for that no pack mentions.")]]


class Equipment(TypedDict, closed=True):
    """What the installed packs are about, as patterns (``PX-200``, ``PX-3*``); ``known``: the model asked for is."""

    models: list[str]
    known: bool


class PageSize(TypedDict, closed=True):
    """A page of a document: what is printed on it as its number, where that differs, and its size in points."""

    label: str | None
    width: float
    height: float


class Heading(TypedDict, closed=True):
    """A heading with the headings above it (``A > B``), the chunk that begins under it and that chunk's page."""

    heading: str
    chunk: int
    page: int


class Contents(TypedDict, closed=True):
    """A document: its pages (none where there are none to draw), its headings, and its chunks, first to last."""

    title: str
    media_type: str
    sha256: str
    pages: list[PageSize]
    headings: list[Heading]
    first_chunk: int
    last_chunk: int


class Part(TypedDict, closed=True):
    """A chunk as readable text: paragraphs, numbered steps, items (``- ``), warnings and rows, one a line. Cells stand
    between `` | ``; the row with the names of the columns begins with ``| ``."""

    chunk: int
    kind: str
    heading: str
    text: str
    page_from: int
    page_to: int
    place: NotRequired[Annotated[str, Field(default="", description="As in a passage.")]]


class Parts(TypedDict, closed=True):
    """A run of chunks of a document, in reading order."""

    parts: list[Part]


class Hit(TypedDict, closed=True):
    """A chunk that holds what was looked for, and the text around its first place there."""

    chunk: int
    page: int
    heading: str
    snippet: str


class Hits(TypedDict, closed=True):
    """Where a text stands in a document, in reading order; ``more`` where there are more than are named."""

    hits: list[Hit]
    more: bool


class Located(TypedDict, closed=True):
    """For each text asked for, in order, the boxes of its lines on the page; none where it does not stand there."""

    places: list[list[Box]]


class InstalledPack(TypedDict, closed=True):
    """A pack in use; ``previous`` is the version that a rollback brings back. It was installed, or it came along with
    the program, beside it or inside."""

    name: str
    version: str
    title: str
    digest: str
    size: int
    signed: bool
    previous: str | None
    place: Place


class PackProblem(TypedDict, closed=True):
    """An installed pack that cannot be used."""

    name: str
    detail: str
    hint: str


class Packs(TypedDict, closed=True):
    """The installed packs."""

    packs: list[InstalledPack]
    problems: list[PackProblem]


class Health(TypedDict, closed=True):
    """``degraded``: no pack, a pack that cannot be used, or an engine that cannot be made."""

    status: Literal["ok", "degraded"]
    version: str
    packs: int
    engine: str


class Problem(TypedDict, closed=True):
    """An error (RFC 9457), with what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    hint: str
    errors: NotRequired[
        Annotated[list[InvalidField], Field(default=[], description="Of an invalid request.")]
    ]


def dump_answer(answer: types.Answer) -> Answer:
    """Return a finished turn as JSON."""
    times = answer.timings_ms
    shape: Answer = {
        "answer": answer.text,
        "refused": answer.refused,
        "mode": answer.mode,
        "citations": [{"n": citation.n, **dump_passage(citation.passage)} for citation in answer.citations],
        "warnings": [{"text": warning.text, "citation": warning.citation} for warning in answer.warnings],
        "unverified": list(answer.unverified),
        "conversation_id": answer.conversation_id,
        "engine": answer.engine,
        "timings_ms": {
            "evidence": times.get("evidence"),
            "quote": times.get("quote"),
            "first_token": times.get("first_token"),
            "total": times.get("total"),
        },
    }
    if answer.choices:
        shape["choices"] = [{"label": choice.label, "citation": choice.citation} for choice in answer.choices]
    if answer.notice:
        shape["notice"] = answer.notice
    if answer.receipt:
        shape["receipt"] = answer.receipt
    return shape


def dump_passage(passage: types.Passage) -> Passage:
    """Return a passage as JSON, with its place down to the boxes of its lines on the pages of a PDF."""
    shape: Passage = {
        "pack": passage.pack,
        "version": passage.version,
        "document": passage.document,
        "page_from": passage.page_from,
        "page_to": passage.page_to,
        "heading": passage.heading,
        "text": passage.text,
        "score": round(passage.score, 4),
        "signed": passage.signed,
        "boxes": [dump_box(box) for box in passage.boxes],
        "chunks": list(passage.chunks),
    }
    if passage.page_label is not None:
        shape["page_label"] = passage.page_label
    if passage.place:
        shape["place"] = passage.place
    if passage.is_doubtful:
        shape["doubtful"] = True
    return shape


def dump_box(box: types.Box) -> Box:
    """Return a rectangle on a page as JSON."""
    return {
        "page": box.page,
        "left": round(box.left, 4),
        "top": round(box.top, 4),
        "right": round(box.right, 4),
        "bottom": round(box.bottom, 4),
    }


def dump_evidence(found: types.EvidenceFound) -> Evidence:
    """Return the passages of a turn as JSON."""
    passages = [dump_passage(passage) for passage in found.evidence.passages]
    return {"passages": passages, "ms": round(found.elapsed_ms, 1)}


def dump_search(evidence: types.Evidence, ms: float) -> Search:
    """Return the result of a search that took ``ms`` milliseconds as JSON."""
    shape: Search = {
        "results": [dump_passage(passage) for passage in evidence.passages],
        "ms": round(ms, 1),
    }
    if evidence.missing:
        shape["missing"] = list(evidence.missing)
    return shape


def dump_packs(packs: Iterable[store.InstalledPack], problems: Iterable[store.Problem]) -> Packs:
    """Return the packs in use as JSON, and those that cannot be used with what to do about it."""
    return {
        "packs": [
            {
                "name": pack.name,
                "version": pack.version,
                "title": pack.title,
                "digest": pack.digest,
                "size": pack.size,
                "signed": pack.signed,
                "previous": pack.previous,
                "place": pack.place,
            }
            for pack in packs
        ],
        "problems": [
            {"name": problem.name, "detail": problem.error.message, "hint": problem.error.hint}
            for problem in problems
        ],
    }


def encode(value: Json) -> bytes:
    """Return JSON in UTF-8 on one line. What UTF-8 cannot hold (half a surrogate pair) becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
