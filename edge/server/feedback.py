"""/feedback: what people say of answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from edge.errors import EdgeError
from edge.feedback import MAX_ID, MAX_PASSAGES, Feedback, JudgedPassage, Verdict
from edge.packs.store import PackStore
from edge.server.body import require_json
from edge.server.schema import CitedRequest, Name, describe_success, reply
from edge.server.services import ServicesDep

router = APIRouter(default_response_class=Response)


class FeedbackRequest(BaseModel):
    """What somebody says of an answer; ``citations`` are those of the answer, as they were sent."""

    model_config = ConfigDict(extra="forbid")
    verdict: Verdict
    question: str
    answer: str = ""
    mode: Name = ""
    engine: Name = ""
    right: Annotated[str, Field(description="What is right, of a wrong answer.")] = ""
    citations: Annotated[list[CitedRequest], Field(max_length=MAX_PASSAGES)] = []
    equipment: Name = ""
    conversation_id: Name = ""
    receipt: Name = ""
    who: Name = ""
    id: Annotated[
        str, Field(max_length=MAX_ID, description="Yours; sent again, nothing is written twice.")
    ] = ""


class FeedbackPassage(TypedDict, closed=True):
    """A passage that the answer cited; ``digest`` is empty where its pack was in use no more."""

    pack: str
    version: str
    digest: str
    document: str
    page: int
    heading: str


class FeedbackShape(TypedDict, closed=True):
    """A record of feedback. It is never changed, and counts once wherever it gets to."""

    id: str
    device: str
    at: str
    verdict: Verdict
    question: str
    answer: str
    mode: str
    engine: str
    right: str
    passages: list[FeedbackPassage]
    equipment: str
    conversation_id: str
    receipt: str
    who: str
    consent_id: str


class FeedbackList(TypedDict, closed=True):
    """Records of feedback, oldest first."""

    feedback: list[FeedbackShape]


@router.post(
    "/feedback",
    summary="Say whether an answer helped",
    dependencies=[Depends(require_json)],
    responses=describe_success(shape=FeedbackShape),
)
async def add_feedback(
    asked: FeedbackRequest,
    services: ServicesDep,
    x_consent_id: Annotated[
        str, Header(max_length=200, description="Under which it may leave the device")
    ] = "",
) -> Response:
    """Keep what somebody says of an answer: ``solved``, ``not_solved``, or ``wrong`` with what is right."""

    def add() -> Feedback:
        fields = asked.model_dump(exclude={"citations"})
        passages = _read_passages(services.edge.packs, asked.citations)
        return services.edge.feedback.add(**fields, passages=passages, consent_id=x_consent_id)

    return reply(asdict(await services.short.run(add)))


@router.get(
    "/feedback", name="feedback", summary="List the feedback", responses=describe_success(shape=FeedbackList)
)
async def list_feedback(
    services: ServicesDep,
    since: Annotated[Name, Query(description="UTC, ISO 8601")] = "",
    verdict: Annotated[Verdict | None, Query(description="Only these")] = None,
) -> Response:
    """Return the records of this device, oldest first."""
    found = await services.short.run(lambda: services.edge.feedback.list(since, verdict))
    return reply({"feedback": [asdict(record) for record in found]})


def _read_passages(store: PackStore, cited: list[CitedRequest]) -> tuple[JudgedPassage, ...]:
    """Return what was cited with the digests of the packs, as far as their versions are in use."""
    digests: dict[tuple[str, str], str] = {}
    for name in {citation.pack for citation in cited}:
        with suppress(EdgeError):
            pack = store.get(name)
            digests[name, pack.version] = pack.digest
    return tuple(
        JudgedPassage(
            pack=each.pack,
            version=each.version,
            digest=each.digest or digests.get((each.pack, each.version), ""),
            document=each.document,
            page=each.page_from,
            heading=each.heading,
        )
        for each in cited
    )
