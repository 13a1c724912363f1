"""/jobs: a procedure done step by step, and its report. /packs/…/procedures: what can be begun."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from edge.app import Edge
from edge.errors import UsageError
from edge.jobs.job import MAX_NAME, MAX_NOTE, MAX_READING, Job
from edge.jobs.place import Locate, place_steps
from edge.jobs.procedure import Procedure, find_procedure, get_procedure, list_procedures
from edge.jobs.report import write_report
from edge.jobs.shapes import Job as JobShape
from edge.jobs.shapes import Jobs as JobsShape
from edge.jobs.shapes import Procedure as ProcedureShape
from edge.jobs.shapes import Procedures, dump_job, dump_jobs, dump_procedure, dump_procedures
from edge.jobs.store import MAX_ID
from edge.server.body import require_json
from edge.server.schema import Name, describe_success, reply
from edge.server.services import ServicesDep

router = APIRouter(default_response_class=Response)

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""A report holds texts of a manual and of people: it shows itself, and runs and loads nothing."""

Id = Annotated[
    str, Path(max_length=MAX_ID, description="Of the job; a beginning or end that only it has will do")
]
StepNumber = Annotated[int, Path(ge=1, description="Counted from 1")]
Who = Annotated[str, Field(default="", max_length=MAX_NAME, description="Who does it.")]
EntryId = Annotated[
    str, Field(default="", max_length=MAX_ID, description="Yours; sent again, nothing is written twice.")
]


class JobRequest(BaseModel):
    """What is to be done: a procedure by its id, or the passage that shows it, as a citation gives it."""

    model_config = ConfigDict(extra="forbid")
    pack: Name
    procedure: Annotated[str, Field(max_length=MAX_ID)] | None = None
    document: Annotated[str, Field(max_length=4096)] | None = None
    heading: str = ""
    text: str = ""
    who: Who = ""
    equipment: Annotated[str, Field(max_length=MAX_NAME)] = ""
    id: Annotated[
        str, Field(max_length=MAX_ID, description="Yours; sent again, the same job is returned.")
    ] = ""


class StepRequest(BaseModel):
    """What was done at a step; each part that is given becomes an entry of its own."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["open", "done", "not_possible"] | None = None
    note: Annotated[str, Field(max_length=MAX_NOTE)] | None = None
    reading: Annotated[str, Field(max_length=MAX_READING)] | None = None
    limit: Annotated[int | None, Field(ge=0, description="Of the reading: a limit of the step, from 0.")] = (
        None
    )
    who: Who = ""
    id: Annotated[
        str, Field(max_length=MAX_ID - 8, description="Yours; sent again, nothing is written twice.")
    ] = ""


class AcknowledgeRequest(BaseModel):
    """Who has read a warning."""

    model_config = ConfigDict(extra="forbid")
    who: Who = ""
    id: EntryId = ""


@router.get(
    "/packs/{pack}/procedures",
    name="procedures",
    summary="List the procedures of a pack",
    responses=describe_success(shape=Procedures),
)
async def get_procedures(
    services: ServicesDep,
    pack: str,
    document: Annotated[str | None, Query(description="Only of this document")] = None,
    page: Annotated[int | None, Query(ge=1, description="Only those on this page")] = None,
) -> Response:
    """Return what can be done as a job: numbered steps under one heading."""
    return reply(await services.short.run(partial(_list_procedures, services.edge, pack, document, page)))


@router.get(
    "/packs/{pack}/procedures/{procedure}",
    name="procedure",
    summary="Show a procedure",
    responses=describe_success(shape=ProcedureShape),
)
async def get_one_procedure(services: ServicesDep, pack: str, procedure: str) -> Response:
    """Return a procedure whole, without beginning a job."""
    request = JobRequest(pack=pack, procedure=procedure)
    return reply(await services.short.run(lambda: dump_procedure(_find_procedure(services.edge, request))))


@router.post(
    "/jobs",
    summary="Begin a job",
    dependencies=[Depends(require_json)],
    responses=describe_success(shape=JobShape),
)
async def start_job(asked: JobRequest, services: ServicesDep) -> Response:
    """Begin a job: give ``procedure``, or ``document``, ``heading`` and ``text`` of a citation that shows the steps."""

    def start() -> JobShape:
        procedure = _find_procedure(services.edge, asked, services.drawer.locate)
        return dump_job(services.edge.jobs.start(procedure, asked.who, asked.equipment, asked.id))

    return reply(await services.drawing.run(start))  # pages are read there


@router.get("/jobs", name="jobs", summary="List the jobs", responses=describe_success(shape=JobsShape))
async def list_jobs(
    services: ServicesDep,
    state: Annotated[Literal["open", "finished"] | None, Query(description="Only these")] = None,
) -> Response:
    """Return the jobs of this device, those written last first."""

    def find() -> JobsShape:
        jobs = services.edge.jobs.list()
        return dump_jobs(job for job in jobs if state is None or job.is_finished == (state == "finished"))

    return reply(await services.short.run(find))


@router.get("/jobs/{id}", name="job", summary="Show a job", responses=describe_success(shape=JobShape))
async def get_job(services: ServicesDep, id: Id) -> Response:
    """Return a job whole: its procedure, and what was done at each step."""
    return await _reply_job(services, lambda: services.edge.jobs.get(id))


@router.post(
    "/jobs/{id}/warnings/{n}",
    summary="Acknowledge a warning",
    dependencies=[Depends(require_json)],
    responses=describe_success(shape=JobShape),
)
async def acknowledge_warning(
    asked: AcknowledgeRequest,
    services: ServicesDep,
    id: Id,
    n: Annotated[int, Path(ge=1, description="Counted from 1")],
) -> Response:
    """Note that somebody has read a warning; steps cannot be done before (409)."""
    return await _reply_job(services, lambda: services.edge.jobs.acknowledge(id, n, asked.who, asked.id))


@router.post(
    "/jobs/{id}/steps/{n}",
    summary="Record what was done at a step",
    dependencies=[Depends(require_json)],
    responses=describe_success(shape=JobShape),
)
async def record_step(asked: StepRequest, services: ServicesDep, id: Id, n: StepNumber) -> Response:
    """Write a reading, a note and a status, in this order, as far as given. What is answered is on the disk."""
    return await _reply_job(services, partial(_record, services.edge, asked, id, n))


@router.post(
    "/jobs/{id}/steps/{n}/photos",
    summary="Add a photo to a step",
    responses=describe_success(shape=JobShape),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("image/jpeg", "image/png", "image/webp")
            },
        }
    },
)
async def add_photo(
    services: ServicesDep,
    request: Request,
    id: Id,
    n: StepNumber,
    who: Annotated[str, Query(max_length=MAX_NAME)] = "",
    entry: Annotated[
        str, Query(max_length=MAX_ID, description="Yours; sent again, nothing is written twice")
    ] = "",
) -> Response:
    """Keep a photo: JPEG, PNG or WebP, at most 8 MiB; the body is the file."""
    data = await request.body()
    return await _reply_job(services, lambda: services.edge.jobs.add_photo(id, n, data, who, entry))


@router.get(
    "/jobs/{id}/photos/{photo}",
    name="photo",
    summary="Show a photo",
    responses=describe_success("image/jpeg"),
)
async def get_photo(services: ServicesDep, id: Id, photo: str) -> Response:
    """Return a photo as it was sent."""
    found = await services.short.run(lambda: services.edge.jobs.read_photo(id, photo))
    return Response(
        found.data, media_type=found.media_type, headers={"Cache-Control": "private, max-age=31536000"}
    )


@router.get(
    "/jobs/{id}/report.html",
    name="report",
    summary="Report, for people",
    responses=describe_success("text/html"),
)
async def get_report(services: ServicesDep, id: Id) -> Response:
    """Return the report as one HTML file with its photos, which prints well."""

    def write() -> str:
        jobs = services.edge.jobs
        job = jobs.get(id)
        return write_report(job, lambda photo: jobs.read_photo(job.id, photo))

    headers = {"Content-Security-Policy": REPORT_POLICY}
    return Response(await services.short.run(write), media_type="text/html; charset=utf-8", headers=headers)


@router.get(
    "/jobs/{id}/report.json",
    name="report data",
    summary="Report, for programs",
    responses=describe_success(shape=JobShape),
)
async def get_report_data(services: ServicesDep, id: Id) -> Response:
    """Return the same as GET /jobs/{id}."""
    return await _reply_job(services, lambda: services.edge.jobs.get(id))


async def _reply_job(services: ServicesDep, work: Callable[[], Job]) -> Response:
    return reply(await services.short.run(lambda: dump_job(work())))


def _list_procedures(edge: Edge, pack: str, document: str | None, page: int | None) -> Procedures:
    with edge.packs.open(pack) as opened:
        found = list_procedures(opened, document)
    return dump_procedures(
        each for each in found if page is None or any(step.page == page for step in each.steps)
    )


def _find_procedure(edge: Edge, asked: JobRequest, locate: Locate | None = None) -> Procedure:
    """Find the procedure that is asked for; with ``locate`` its steps have their places on the pages."""
    with edge.packs.open(asked.pack) as pack:
        if asked.procedure is not None:
            found = get_procedure(pack, asked.procedure)
        elif asked.document is not None:
            found = find_procedure(pack, asked.document, asked.heading, asked.text)
        else:
            raise UsageError(
                "Nothing names a procedure.", "Send 'procedure', or 'document', 'heading' and 'text'."
            )
        return place_steps(pack, found, locate) if locate else found


def _record(edge: Edge, asked: StepRequest, id: str, step: int) -> Job:
    if asked.status is None and asked.note is None and asked.reading is None:
        raise UsageError("Nothing was done at this step.", "Send 'status', 'note' or 'reading'.")
    mine = {part: f"{asked.id}-{part}" if asked.id else "" for part in ("read", "note", "state")}
    jobs = edge.jobs
    if asked.reading is not None:
        job = jobs.add_reading(id, step, asked.reading, asked.limit, asked.who, mine["read"])
    if asked.note is not None:
        job = jobs.add_note(id, step, asked.note, asked.who, mine["note"])
    if asked.status is not None:
        job = jobs.set_status(id, step, asked.status, asked.who, mine["state"])
    return job
