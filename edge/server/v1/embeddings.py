"""POST /v1/embeddings: the vectors that search works with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge.engine.interface import Embedder
from edge.errors import UsageError
from edge.server.body import require_json
from edge.server.schema import reply
from edge.server.services import ServicesDep
from edge.server.turns import Cancelled
from edge.server.v1.models import ModelNotFoundError, name_embedder
from edge.server.v1.requests import EmbeddingRequest
from edge.server.v1.responses import Embeddings, Vector, describe
from edge.types import DIMENSIONS

router = APIRouter(default_response_class=Response)

AT_A_TIME = 4
"""Texts between which a search may ask for its vector: 0.3 s of work."""

MAX_TOKENS = 254
"""Of a text; the embedder would leave out what comes after."""


@router.post(
    "/v1/embeddings",
    name="embeddings",
    summary="Turn texts into vectors",
    dependencies=[Depends(require_json)],
    responses=describe(Embeddings),
)
async def embed_texts(asked: EmbeddingRequest, request: Request, services: ServicesDep) -> Response:
    """Return unit vectors of the embedder in use. A text that is too long for it is refused, not cut."""
    edge = services.edge
    name = await services.short.run(lambda: name_embedder(edge))
    if edge.embedder is None or asked.model != name:
        hint = f"The embedder in use is '{name}'." if name else "Search works by keyword alone here."
        raise ModelNotFoundError(f"There is no embedding model '{asked.model}'.", hint)
    if asked.dimensions not in (None, DIMENSIONS):
        raise UsageError(f"The vectors have {DIMENSIONS} dimensions.", "Leave 'dimensions' out.")
    work = partial(_embed, edge.embedder, asked.input)
    vectors: list[Any] = []
    async with services.embeddings.begin(work, request.receive) as turn:
        tokens = await turn.next()
        while tokens is None:
            tokens = await turn.next()
        while len(vectors) < len(asked.input):
            vectors += await turn.next() or []
    return reply(_dump(name, vectors, tokens, asked.encoding_format == "base64"))


def _embed(embedder: Embedder, texts: list[str], cancelled: Cancelled) -> Iterator[Any]:
    """Yield the number of tokens, then vectors, a few at a time."""
    counts = embedder.count_tokens(texts)
    if (longest := max(counts)) > MAX_TOKENS:
        raise UsageError(
            f"Text {counts.index(longest)} has {longest} tokens; the embedder reads {MAX_TOKENS}.",
            "Send it in parts.",
        )
    yield sum(counts)
    for start in range(0, len(texts), AT_A_TIME):
        if cancelled():
            return
        yield list(embedder.embed(texts[start : start + AT_A_TIME]))


def _dump(model: str, vectors: list[Any], tokens: int, encoded: bool) -> Embeddings:
    data: list[Vector] = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
            if encoded
            else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "model": model,
        "data": data,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
