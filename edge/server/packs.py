"""/packs: the installed packs, what changed in them, and whether what was cited is still so."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from edge.packs.changes import compare_versions
from edge.packs.citations import check_citation
from edge.packs.shapes import PackChanges, Standings, dump_changes, dump_standings
from edge.packs.store import PackStore
from edge.server.body import require_json
from edge.server.schema import CitedRequest, Name, describe_success, reply
from edge.server.services import ServicesDep
from edge.shapes import Packs, dump_packs

router = APIRouter(default_response_class=Response)


class CheckRequest(BaseModel):
    """The citations of an answer."""

    model_config = ConfigDict(extra="forbid")
    citations: Annotated[list[CitedRequest], Field(max_length=50)]


@router.get(
    "/packs", name="packs", summary="List the installed packs", responses=describe_success(shape=Packs)
)
async def list_packs(services: ServicesDep) -> Response:
    """List the packs in use, and those that cannot be used."""
    store = services.edge.packs
    return reply(await services.short.run(lambda: dump_packs(store.list(), store.find_problems())))


@router.get(
    "/packs/{pack}/changes",
    name="changes",
    summary="Compare two versions of a pack",
    responses=describe_success(shape=PackChanges),
)
async def get_changes(
    services: ServicesDep,
    pack: str,
    old: Annotated[Name, Query(description="Version; empty for the one before")] = "",
    new: Annotated[Name, Query(description="Version; empty for the one in use")] = "",
) -> Response:
    """Return what changed in documents, rows and sentences; changes of values come first."""
    compare = partial(compare_versions, services.edge.packs, pack, old, new)
    return reply(await services.short.run(lambda: dump_changes(compare())))


@router.post(
    "/citations/check",
    summary="Check whether citations still stand",
    dependencies=[Depends(require_json)],
    responses=describe_success(shape=Standings),
)
async def check_citations(asked: CheckRequest, services: ServicesDep) -> Response:
    """Tell for each citation of an old answer whether the pack in use now still says so, word for word."""

    def check(store: PackStore) -> Standings:
        return dump_standings(check_citation(store, cited.to_passage()) for cited in asked.citations)

    return reply(await services.short.run(partial(check, services.edge.packs)))
