"""GET /v1/models and /v1/models/{name}: what may be asked for by name, and finding it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import Response

from edge.engine.interface import ChatEngine
from edge.errors import EdgeError, NotFoundError
from edge.server.schema import reply
from edge.server.services import ServicesDep
from edge.server.v1.requests import GROUNDED
from edge.server.v1.responses import Model, Models, describe

if TYPE_CHECKING:
    from edge.app import Edge

router = APIRouter(default_response_class=Response)

STARTED = int(time.time())


class ModelNotFoundError(NotFoundError):
    """A request names a model that is not served."""

    title = "No such model"


@router.get("/v1/models", name="models", summary="List the models", responses=describe(Models))
async def list_models(services: ServicesDep) -> Response:
    """List ``edge-grounded``, which answers from the packs, then the language model in use and the embedder."""
    return reply(await services.short.run(lambda: _dump_models(services.edge)))


@router.get(
    "/v1/models/{name:path}", name="model", summary="Describe one of the models", responses=describe(Model)
)
async def get_model(services: ServicesDep, name: str) -> Response:
    """Describe a model by its name as listed."""
    return reply(await services.short.run(lambda: _find_model(services.edge, name)))


def find_language_model(edge: Edge, name: str) -> ChatEngine:
    """Return the engine in use, asked for by its name as listed or without what stands before its colon.

    Raises:
        ModelNotFoundError: no language model is in use, or it has another name.
    """
    engine = _get_language_model(edge)
    if engine is None:
        raise ModelNotFoundError(
            f"The model '{name}' is not here: no language model is in use.",
            f"Add one: edge model add FILE.gguf. Or ask '{GROUNDED}', which needs none.",
        )
    if name not in (engine.name, engine.name.partition(":")[2]):
        raise ModelNotFoundError(f"There is no model '{name}'.", "GET /v1/models lists what there is.")
    return engine


def name_embedder(edge: Edge) -> str | None:
    """Return the embedder's name; None where search works by keyword alone."""
    return edge.embedder.fingerprint.partition(":")[0] if edge.embedder else None


def _get_language_model(edge: Edge) -> ChatEngine | None:
    try:
        engine = edge.get_engine(edge.settings.engine)
    except EdgeError:
        return None
    return engine if isinstance(engine, ChatEngine) else None


def _dump_models(edge: Edge) -> Models:
    data = [_dump_model(GROUNDED)]
    if engine := _get_language_model(edge):
        model = _dump_model(engine.name)
        model["max_model_len"] = edge.settings.max_input_tokens + edge.settings.max_output_tokens
        data.append(model)
    if name := name_embedder(edge):
        data.append(_dump_model(name))
    return {"object": "list", "data": data}


def _find_model(edge: Edge, name: str) -> Model:
    for model in _dump_models(edge)["data"]:
        if model["id"] == name:
            return model
    raise ModelNotFoundError(f"There is no model '{name}'.", "GET /v1/models lists what there is.")


def _dump_model(name: str) -> Model:
    return {"id": name, "object": "model", "created": STARTED, "owned_by": "edge"}
