"""GET /receipts/{receipt}: what was answered, and the proof that this device has recorded it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from edge.audit.issue import find_receipt
from edge.server.schema import describe_success
from edge.server.services import ServicesDep

router = APIRouter(default_response_class=Response)
MEDIA_TYPE = "text/plain; charset=utf-8"


@router.get(
    "/receipts/{receipt}",
    name="receipts",
    summary="Get the receipt of an answer",
    responses=describe_success("text/plain"),
)
async def get_receipt(
    receipt: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], services: ServicesDep
) -> Response:
    """Return the receipt that an answer named. Anybody can check it: ``edge audit check``."""

    def issue() -> str:
        with services.edge.open_audit_log() as store:
            return str(find_receipt(store, receipt))

    return Response(await services.short.run(issue), media_type=MEDIA_TYPE)
