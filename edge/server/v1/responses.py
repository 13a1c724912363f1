"""What OpenAPI says about the responses of these endpoints."""

from __future__ import annotations

from pydantic import BaseModel

from edge.server.schema import Responses, content
from edge.server.v1.schema import Error


def described(model: type[BaseModel], *media_types: str) -> Responses:
    """A model on success, OpenAI's error otherwise."""
    failure = {"application/json": {"schema": Error.model_json_schema()}}
    return content(*media_types, model=model) | {
        "default": {"description": "What went wrong", "content": failure}
    }
