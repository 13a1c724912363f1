"""The JSON that OpenAI's clients read: a class that documents each shape. OpenAPI is generated from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from edge.server.openai_errors import Error
from edge.server.schema import Responses, describe_success
from edge.shapes import Answer, Evidence

FinishReason = Literal["stop", "length"]


class TokenDetails(TypedDict, closed=True):
    """Tokens of the prompt that need not be computed again."""

    cached_tokens: int


class Usage(TypedDict, closed=True):
    """The tokens that an answer took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: TokenDetails


class _Likely(TypedDict):
    token: str
    logprob: float
    bytes: list[int]


class Likely(_Likely, closed=True):
    """A token, the logarithm of its probability, and its bytes."""


class LikelyToken(_Likely, closed=True):
    """A token that was chosen, and others that were likely."""

    top_logprobs: list[Likely]


class Logprobs(TypedDict, closed=True):
    """One entry a token."""

    content: list[LikelyToken]
    refusal: None


class Reply(TypedDict, closed=True):
    """The message that was written."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(TypedDict, closed=True):
    """The answer; there is always one."""

    index: Literal[0]
    message: Reply
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChatCompletion(TypedDict, closed=True):
    """A finished answer. ``edge`` is there when it comes from the packs: the shape that ``POST /chat`` gives."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: NotRequired[Annotated[Usage, Field(description="Absent where the packs answered.")]]
    edge: NotRequired[Answer]


class Delta(TypedDict, closed=True):
    """A piece of the message."""

    role: NotRequired[Literal["assistant"]]
    content: NotRequired[str]


class ChunkChoice(TypedDict, closed=True):
    """A part of the answer."""

    index: Literal[0]
    delta: Delta
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class Chunk(TypedDict, closed=True):
    """A part of a stream. ``edge`` is there when the packs answer: the passages in the first part, the answer in the
    last."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: NotRequired[Usage | None]
    edge: NotRequired[Evidence | Answer]


class Model(TypedDict, closed=True):
    """A model that may be asked for by name. ``max_model_len``: tokens of prompt and answer together."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_model_len: NotRequired[int]


class Models(TypedDict, closed=True):
    """The models."""

    object: Literal["list"]
    data: list[Model]


class Vector(TypedDict, closed=True):
    """A unit vector, as numbers or as the base64 of little-endian 32-bit floats."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(TypedDict, closed=True):
    """Tokens of the texts."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(TypedDict, closed=True):
    """Vectors in the order of the texts."""

    object: Literal["list"]
    model: str
    data: list[Vector]
    usage: EmbeddingUsage


def describe(shape: Any, *media_types: str) -> Responses:
    """Return the ``responses`` of an endpoint: a shape on success, OpenAI's error otherwise."""
    failure = {"description": "What went wrong", "model": Error}
    return describe_success(*media_types, shape=shape) | {"default": failure}
