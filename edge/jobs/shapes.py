"""Jobs as JSON: the classes that document each shape, and the functions that make them (see ``edge.shapes``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from edge import shapes
from edge.jobs import job as jobs
from edge.jobs import limits, procedure
from edge.jobs.job import Status
from edge.jobs.limits import Kind, Outcome


class Limit(TypedDict, closed=True):
    """What a reading is compared with, as the page says it; ``low`` or ``high`` is null where it sets none."""

    text: str
    kind: Kind
    unit: str
    low: float | None
    high: float | None


class Step(TypedDict, closed=True):
    """A step as the manual has it; ``label`` is its number there, ``boxes`` are empty where it was not located."""

    number: int
    label: str
    text: str
    details: list[str]
    page: int
    page_label: NotRequired[Annotated[str, Field(default="", description="Absent where it is the position.")]]
    place: NotRequired[
        Annotated[str, Field(default="", description="Anchor (#reset) or row, in a file without pages.")]
    ]
    boxes: list[shapes.Box]
    limits: list[Limit]


class Caution(TypedDict, closed=True):
    """A warning, word for word; ``before_step`` is the step it stands in front of, null for the whole procedure."""

    number: int
    text: str
    page: int
    before_step: int | None


class _Procedure(TypedDict):
    id: str
    name: str
    lead: str
    pack: str
    version: str
    digest: str
    signed: bool
    document: str
    document_sha256: str
    title: str
    heading: str
    page_from: int
    page_to: int


class _ProcedureHead(_Procedure, closed=True):
    pass


class ProcedureSummary(_Procedure, closed=True):
    """A procedure that can be begun: ``POST /jobs`` takes its ``pack`` and ``id``."""

    steps: int
    warnings: int


class Procedure(_Procedure, closed=True):
    """A procedure whole: warnings, tools, parts, steps."""

    warnings: list[Caution]
    tools: list[str]
    parts: list[str]
    steps: list[Step]


class Procedures(TypedDict, closed=True):
    """The procedures of a pack or a document, in reading order."""

    procedures: list[ProcedureSummary]


class _Made(TypedDict):
    id: str
    at: str
    who: str


class Made(_Made, closed=True):
    """When and by whom something was written; ``id`` is that of the entry."""


class Note(_Made, closed=True):
    """A note on a step."""

    text: str


class Reading(_Made, closed=True):
    """What was read off, and what came of comparing it: ``in``, ``out``, ``differs`` (from a value without tolerance)
    or ``unknown`` (cannot be compared). ``said`` is a sentence for the reader."""

    text: str
    limit: str
    outcome: Outcome
    said: str


class Photo(_Made, closed=True):
    """A photo; ``GET /jobs/{job}/photos/{id}`` returns it."""

    media_type: str
    size: int
    sha256: str


class StepRecord(TypedDict, closed=True):
    """What was done at step ``number``."""

    number: int
    status: Status
    set_by: Made | None
    notes: list[Note]
    readings: list[Reading]
    photos: list[Photo]


class _Job(TypedDict):
    id: str
    state: Literal["open", "finished"]
    started: str
    changed: str
    finished: str | None
    who: str
    equipment: str
    device: str


class _JobHead(_Job, closed=True):
    pass


class JobSummary(_Job, closed=True):
    """A job in a list. ``closed_steps`` are done or not possible."""

    name: str
    pack: str
    version: str
    document: str
    page: int
    steps: int
    closed_steps: int
    current_step: int | None


class Jobs(TypedDict, closed=True):
    """Jobs, those written last first."""

    jobs: list[JobSummary]


class Job(_Job, closed=True):
    """A job whole. ``acknowledged`` has an entry for each warning of the procedure, null for those not read yet."""

    current_step: int | None
    procedure: Procedure
    acknowledged: list[Made | None]
    records: list[StepRecord]


def dump_procedures(found: Iterable[procedure.Procedure]) -> Procedures:
    """Return procedures as JSON, without their steps."""
    return {"procedures": [_dump_summary(each) for each in found]}


def dump_jobs(found: Iterable[jobs.Job]) -> Jobs:
    """Return jobs as JSON, without their steps."""
    return {"jobs": [_dump_job_summary(each) for each in found]}


def dump_job(job: jobs.Job) -> Job:
    """Return a job as JSON; this is its report, too."""
    return {
        **_dump_head(job),
        "current_step": job.current,
        "procedure": dump_procedure(job.procedure),
        "acknowledged": [_dump_made(entry) if entry else None for entry in job.acknowledged],
        "records": [_dump_record(number, record) for number, record in enumerate(job.steps, 1)],
    }


def dump_procedure(found: procedure.Procedure) -> Procedure:
    """Return a procedure as JSON."""
    return {
        **_dump_procedure_head(found),
        "warnings": [
            {"number": n, "text": caution.text, "page": caution.page, "before_step": caution.before_step}
            for n, caution in enumerate(found.cautions, 1)
        ],
        "tools": list(found.tools),
        "parts": list(found.parts),
        "steps": [_dump_step(step) for step in found.steps],
    }


def _dump_summary(found: procedure.Procedure) -> ProcedureSummary:
    return {**_dump_procedure_head(found), "steps": len(found.steps), "warnings": len(found.cautions)}


def _dump_procedure_head(found: procedure.Procedure) -> _ProcedureHead:
    return {
        "id": found.id,
        "name": found.name,
        "lead": found.lead,
        "pack": found.pack,
        "version": found.version,
        "digest": found.digest,
        "signed": found.signed,
        "document": found.document,
        "document_sha256": found.sha256,
        "title": found.title,
        "heading": found.heading,
        "page_from": min(step.page for step in found.steps),
        "page_to": max(step.page_to for step in found.steps),
    }


def _dump_step(step: procedure.Step) -> Step:
    shape: Step = {
        "number": step.number,
        "label": step.label,
        "text": step.text,
        "details": list(step.details),
        "page": step.page,
        "boxes": [shapes.dump_box(box) for box in step.boxes],
        "limits": [_dump_limit(limit) for limit in step.limits],
    }
    if step.page_label is not None:
        shape["page_label"] = step.page_label
    if step.place:
        shape["place"] = step.place
    return shape


def _dump_limit(limit: limits.Limit) -> Limit:
    return {
        "text": limit.text,
        "kind": limit.kind,
        "unit": limit.unit,
        "low": None if limit.low is None else float(limit.low),
        "high": None if limit.high is None else float(limit.high),
    }


def _dump_head(job: jobs.Job) -> _JobHead:
    return {
        "id": job.id,
        "state": "finished" if job.is_finished else "open",
        "started": job.started,
        "changed": job.last_entry,
        "finished": job.finished,
        "who": job.who,
        "equipment": job.equipment,
        "device": job.device,
    }


def _dump_job_summary(job: jobs.Job) -> JobSummary:
    return {
        **_dump_head(job),
        "name": job.procedure.name,
        "pack": job.procedure.pack,
        "version": job.procedure.version,
        "document": job.procedure.document,
        "page": job.procedure.steps[0].page,
        "steps": len(job.steps),
        "closed_steps": sum(step.status != "open" for step in job.steps),
        "current_step": job.current,
    }


def _dump_record(number: int, record: jobs.StepRecord) -> StepRecord:
    return {
        "number": number,
        "status": record.status,
        "set_by": _dump_made(record.set_by) if record.set_by else None,
        "notes": [{**_dump_made(note), "text": note.text} for note in record.notes],
        "readings": [
            {
                **_dump_made(reading),
                "text": reading.text,
                "limit": reading.limit,
                "outcome": reading.outcome,
                "said": reading.said,
            }
            for reading in record.readings
        ],
        "photos": [
            {**_dump_made(photo), "media_type": photo.text, "size": photo.size, "sha256": photo.sha256}
            for photo in record.photos
        ],
    }


def _dump_made(entry: jobs.Entry) -> Made:
    return {"id": entry.id, "at": entry.at, "who": entry.who}
