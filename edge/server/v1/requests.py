"""Requests in OpenAI's shapes, as pydantic models: they check, and describe themselves in OpenAPI.

Of OpenAI's fields, what would change an answer and is not done here is refused, and what would not is ignored. Fields
that others added (``num_ctx``, ``repeat_penalty``) are ignored too: chat programs send them to every server.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from edge.engine import interface
from edge.engine.interface import Sampling
from edge.server.schema import Name
from edge.types import Message, Question, Role

GROUNDED = "edge-grounded"
MAX_SCHEMA_CHARACTERS = 65_536
MAX_SCHEMA_DEPTH = 32
MAX_SEED = 2**32 - 1  # llama.cpp takes this one as "any"

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def _check_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("not text: it holds half a character") from None
    return value


def _check_absent(value: Any) -> Any:
    if value in (None, False, "", "none") or value == [] or value == {}:
        return None
    raise ValueError("not supported")


def _check_modalities(value: Any) -> Any:
    if value not in (None, ["text"]):
        raise ValueError("only text is supported")
    return None


def _join_parts(value: Any) -> Any:
    """Return the text of a message that comes in parts."""
    if not isinstance(value, list):
        return value
    if len(value) > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS} parts")
    for part in value:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ValueError("only parts of type 'text' are supported")
    return "\n".join(part["text"] for part in value)


def _wrap_in_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _wrap_stops(value: Any) -> Any:
    return [] if value == "" else _wrap_in_list(value)


def _describe_one_or_more(item: dict[str, Any], most: int) -> WithJsonSchema:
    """Return the schema of a text, or of a list of items."""
    several = {"type": "array", "items": item, "maxItems": most}
    return WithJsonSchema({"anyOf": [{"type": "string"}, several]})


TEXT_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
MAX_STOPS, MAX_TEXTS, MAX_PARTS = 16, 2048, 1000

Text = Annotated[str, AfterValidator(_check_text)]
Content = Annotated[Text, BeforeValidator(_join_parts), _describe_one_or_more(TEXT_PART, MAX_PARTS)]
Unsupported = Annotated[Any, AfterValidator(_check_absent), Field(description="Not supported.")]
Ignored = Annotated[Any, Field(description="Taken and ignored.")]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Stops = Annotated[
    list[Annotated[Text, Field(min_length=1, max_length=256)]],
    Field(max_length=MAX_STOPS),
    BeforeValidator(_wrap_stops),
    _describe_one_or_more({"type": "string", "minLength": 1, "maxLength": 256}, MAX_STOPS),
]
Texts = Annotated[
    list[Annotated[Text, Field(min_length=1)]],
    Field(min_length=1, max_length=MAX_TEXTS),
    BeforeValidator(_wrap_in_list),
    _describe_one_or_more({"type": "string", "minLength": 1}, MAX_TEXTS),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChatMessage(_Request):
    """A message of the conversation, whole or in parts of text. Images, sound and files are not supported."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Content
    name: Ignored = None
    refusal: Ignored = None
    annotations: Ignored = None
    audio: Unsupported = None
    tool_calls: Unsupported = None
    function_call: Unsupported = None

    @model_validator(mode="before")
    @classmethod
    def _fill_content(cls, message: Any) -> Any:
        """Read null as the empty content of an assistant that said nothing."""
        if (
            isinstance(message, dict)
            and message.get("role") == "assistant"
            and message.get("content") is None
        ):
            return message | {"content": ""}
        return message

    def to_message(self) -> Message:
        """Return the message for an engine."""
        return Message(_ROLES[self.role], self.content)


class JsonSchema(_Request):
    """A schema that the answer must obey."""

    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(_Request):
    """The form the answer must have: any, a JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _check_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("json_schema is missing")
        return self

    def dump_schema(self) -> str | None:
        """Return the schema as JSON; ``{}`` for any object; None for anything."""
        if self.type == "text":
            return None
        if self.type == "json_object" or self.json_schema is None:
            return "{}"
        schema = self.json_schema.schema_
        if _measure_depth(schema) > MAX_SCHEMA_DEPTH:
            raise ValueError(f"the schema is nested more than {MAX_SCHEMA_DEPTH} levels deep")
        text = _check_text(json.dumps(schema, ensure_ascii=False))
        if len(text) > MAX_SCHEMA_CHARACTERS:
            raise ValueError(f"the schema is longer than {MAX_SCHEMA_CHARACTERS} characters")
        return text


class StreamOptions(_Request):
    """Options of a stream. Obfuscation is not needed: nobody else sees the connection's pieces grow."""

    include_usage: bool | None = None
    include_obfuscation: Ignored = None


class Grounding(_Request):
    """Edge's own part of a request: shall the packs answer, and which of them?"""

    grounded: bool = False
    equipment: Name | None = None
    packs: Annotated[list[Name], Field(max_length=100)] | None = None
    engine: Name | None = None


class ChatCompletionRequest(_Request):
    """Messages for the language model; with ``edge.grounded`` or the model ``edge-grounded`` a question to the packs.

    Without ``temperature`` the likeliest token is always taken. Answers from the packs heed no sampling field.
    """

    model_config = ConfigDict(extra="ignore")

    model: Annotated[Text, Field(max_length=500)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1000)]
    edge: Grounding | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    stop: Stops | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    n: Literal[1] | None = None
    tools: Unsupported = None
    tool_choice: Ignored = None
    functions: Unsupported = None
    function_call: Unsupported = None
    logit_bias: Unsupported = None
    audio: Unsupported = None
    web_search_options: Unsupported = None
    modalities: Annotated[
        Any, AfterValidator(_check_modalities), Field(description="Not supported but for ``text``.")
    ] = None
    metadata: Ignored = None
    moderation: Ignored = None
    parallel_tool_calls: Ignored = None
    prediction: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_options: Ignored = None
    prompt_cache_retention: Ignored = None
    reasoning_effort: Ignored = None
    safety_identifier: Ignored = None
    service_tier: Ignored = None
    store: Ignored = None
    user: Ignored = None
    verbosity: Ignored = None

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        if self.grounded and self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's question")
        if self.grounded and (
            self.logprobs or (self.response_format and self.response_format.type != "text")
        ):
            raise ValueError("answers from the packs have neither logprobs nor a response_format")
        if self.response_format:
            self.response_format.dump_schema()
        return self

    @property
    def grounded(self) -> bool:
        """True if the packs shall answer."""
        return self.model == GROUNDED or bool(self.edge and self.edge.grounded)

    @property
    def include_usage(self) -> bool:
        """True if a stream ends with the tokens it took."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def to_question(self, subject: str) -> Question:
        """Return the last message as a question to the packs by somebody; those before it are what was said."""
        grounding = self.edge or Grounding()
        *history, last = (message.to_message() for message in self.messages)
        return Question(
            text=last.content,
            history=tuple(history),
            equipment=grounding.equipment or None,
            packs=tuple(grounding.packs or ()),
            engine=grounding.engine or None,
            remember=False,  # the client brings the conversation along
            subject=subject,
        )

    def to_chat_request(self, most_tokens: int) -> interface.ChatRequest:
        """Return the request to an engine, with no more than ``most_tokens`` to write."""
        wanted = self.max_completion_tokens or self.max_tokens or most_tokens
        messages = tuple(message.to_message() for message in self.messages)
        return interface.ChatRequest(messages, min(wanted, most_tokens), self._to_sampling())

    def _to_sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature or 0.0,
            top_k=self.top_k or 0,
            top_p=self.top_p or 1.0,
            min_p=self.min_p or 0.0,
            seed=None if self.seed is None else self.seed % MAX_SEED,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            stop=tuple(self.stop or ()),
            schema=self.response_format.dump_schema() if self.response_format else None,
            logprobs=(self.top_logprobs or 0) if self.logprobs else None,
        )


class EmbeddingRequest(_Request):
    """Texts to be turned into vectors."""

    model: Annotated[Text, Field(max_length=500)]
    input: Texts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: Ignored = None


def _measure_depth(value: Any) -> int:
    """Return the levels of a JSON value, up to one more than are allowed."""
    level, depth = [value], 0
    while level and depth <= MAX_SCHEMA_DEPTH:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth
