"""GET /v1/models: what may be asked for by name, and finding it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from edge.engine.interface import ChatEngine
from edge.errors import EdgeError, NotFoundError
from edge.server.reply import reply
from edge.server.services import Services, services
from edge.server.v1.requests import GROUNDED
from edge.server.v1.responses import Models, described
from edge.shapes import Json

if TYPE_CHECKING:
    from edge.app import Edge

router = APIRouter(default_response_class=Response)

STARTED = int(time.time())


class ModelNotFoundError(NotFoundError):
    """A request names a model that is not served."""

    title = "No such model"


@router.get("/v1/models", summary="List the models", responses=described(Models))
async def models(services: Annotated[Services, Depends(services)]) -> Response:
    """``edge-grounded`` answers from the packs. The language model in use and the embedder follow."""
    return reply(await services.short.run(lambda: _listed(services.edge)))


def language_model(edge: Edge, name: str) -> ChatEngine:
    """The engine in use, by its name as listed or without what stands before its colon.

    Raises:
        ModelNotFoundError: no language model is in use, or it has another name.
    """
    engine = _language_model(edge)
    if engine is None:
        raise ModelNotFoundError(
            f"The model '{name}' is not here: no language model is in use.",
            f"Add one: edge model add FILE.gguf. Or ask '{GROUNDED}', which needs none.",
        )
    if name not in (engine.name, engine.name.partition(":")[2]):
        raise ModelNotFoundError(f"There is no model '{name}'.", "GET /v1/models lists what there is.")
    return engine


def embedding_model(edge: Edge) -> str | None:
    """The embedder's name."""
    return edge.embedder.fingerprint.partition(":")[0] if edge.embedder else None


def _language_model(edge: Edge) -> ChatEngine | None:
    try:
        engine = edge.get_engine(edge.settings.engine)
    except EdgeError:
        return None
    return engine if isinstance(engine, ChatEngine) else None


def _listed(edge: Edge) -> Json:
    data = [_model(GROUNDED)]
    if engine := _language_model(edge):
        room = edge.settings.max_input_tokens + edge.settings.max_output_tokens
        data.append(_model(engine.name) | {"max_model_len": room})
    if name := embedding_model(edge):
        data.append(_model(name))
    return {"object": "list", "data": data}


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": STARTED, "owned_by": "edge"}
