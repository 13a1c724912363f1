"""Responses in OpenAI's shapes, for OpenAPI. What makes them is in ``completion``, ``models`` and ``embeddings``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.server.schema import Answer, Responses, content


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TokenDetails(_Shape):
    """Tokens of the prompt that need not be computed again."""

    cached_tokens: int


class Usage(_Shape):
    """What it cost."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: TokenDetails


class Likely(_Shape):
    """A token, the logarithm of its probability, and its bytes."""

    token: str
    logprob: float
    bytes: list[int]


class LikelyToken(Likely):
    """A token that was chosen, and others that were likely."""

    top_logprobs: list[Likely]


class Logprobs(_Shape):
    """One entry a token."""

    content: list[LikelyToken]
    refusal: None = None


class Reply(_Shape):
    """The message that was written."""

    role: Literal["assistant"]
    content: str
    refusal: None = None


class Choice(_Shape):
    """The answer; there is always one."""

    index: Literal[0]
    message: Reply
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"]


class ChatCompletion(_Shape):
    """A finished answer. ``edge`` is there when it comes from the packs: the shape that ``POST /chat`` gives."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = Field(default=None, description="Absent where the packs answered.")
    edge: Answer | None = None


class Model(_Shape):
    """What may be asked for by name. ``max_model_len``: tokens of prompt and answer together."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_model_len: int | None = None


class Models(_Shape):
    """The models."""

    object: Literal["list"]
    data: list[Model]


class Vector(_Shape):
    """A unit vector, as numbers or as the base64 of little-endian 32-bit floats."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(_Shape):
    """Tokens of the texts."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(_Shape):
    """Vectors in the order of the texts."""

    object: Literal["list"]
    model: str
    data: list[Vector]
    usage: EmbeddingUsage


class ErrorDetail(_Shape):
    """What went wrong and what to do about it, and the parameter that is at fault."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(_Shape):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


def described(model: type[BaseModel], *media_types: str) -> Responses:
    """The responses of an endpoint: a model on success, OpenAI's error otherwise."""
    failure = {"application/json": {"schema": Error.model_json_schema()}}
    return content(*media_types, model=model) | {
        "default": {"description": "What went wrong", "content": failure}
    }
