"""OpenAI's chat completions: encodes requests and parses the chunks of answers. Pure; everything that comes from a
server is checked.

https://platform.openai.com/docs/api-reference/chat, with the additions of vLLM and llama-server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edge.engine.interface import ChatRequest, Likelihood, Sampling, Written

Reason = Literal["end", "stop", "length"]
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "n_ctx")
"""Names that servers give to the context: vLLM and edge, others, others, llama-server."""


class NotUnderstoodError(ValueError):
    """A server sent something else than a chat completion."""


class ServerError(Exception):
    """A server sent an error in place of a chunk."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The server's own counts."""

    prompt_tokens: int
    reused_tokens: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of an answer, its end, or its cost."""

    written: Written | None = None
    reason: Reason | None = None
    usage: Usage | None = None


def encode_request(model: str, request: ChatRequest) -> bytes:
    """Encode the request as JSON; fields only some servers know are there only when they say something."""
    sampling = request.sampling
    fields: dict[str, Any] = {
        "model": model,
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    plain = Sampling()
    for name in ("top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty"):
        if (value := getattr(sampling, name)) != getattr(plain, name):
            fields[name] = value
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.logprobs is not None:
        fields |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if sampling.schema is not None:
        fields["response_format"] = _make_format(sampling.schema)
    return json.dumps(fields).encode()


def parse_chunk(data: str) -> Chunk:
    """Parse one event. A whole completion counts as a single chunk: some servers do not stream.

    Raises:
        ServerError: that something went wrong.
        NotUnderstoodError: nothing that belongs here.
    """
    value = _require_object(_parse_json(data))
    if error := value.get("error"):
        raise ServerError(_get_message(error))
    choices = value.get("choices")
    if not isinstance(choices, list):
        raise NotUnderstoodError("no choices")
    usage = _parse_usage(value.get("usage"))
    if not choices:
        return Chunk(usage=usage)
    choice = _require_object(choices[0])
    said = _require_object(choice.get("delta") or choice.get("message") or {})
    text = said.get("content") or said.get("refusal") or ""
    if not isinstance(text, str):
        raise NotUnderstoodError("content that is no text")
    written = Written(_clean_text(text), _parse_likelihoods(choice.get("logprobs"))) if text else None
    return Chunk(written, _parse_reason(choice), usage)


def parse_error(body: bytes) -> str:
    """Return the message in the body of a refusal, if there is one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(value, dict):
        return ""
    return _get_message(value.get("error") or value.get("detail") or value.get("message") or "")


def parse_models(data: bytes) -> Mapping[str, int | None]:
    """Parse the models a server has, each with its context in tokens where that is told.

    Raises:
        NotUnderstoodError: it is no list of models.
    """
    entries = _require_object(_parse_json(data)).get("data")
    if not isinstance(entries, list):
        raise NotUnderstoodError("no list of models")
    found: dict[str, int | None] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            meta = entry.get("meta")
            places = (entry, meta) if isinstance(meta, dict) else (entry,)
            rooms = [one[name] for one in places for name in _CONTEXT_FIELDS if type(one.get(name)) is int]
            found[entry["id"]] = next((room for room in rooms if room > 0), None)
    return found


def _make_format(schema: str) -> dict[str, Any]:
    value = json.loads(schema)
    if not value:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": value, "strict": True}}


def _parse_json(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotUnderstoodError("no JSON") from error


def _require_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotUnderstoodError("no object")
    return value


def _get_message(error: Any) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or json.dumps(error)
    return _clean_text(str(error))


def _parse_reason(choice: Mapping[str, Any]) -> Reason | None:
    reason = choice.get("finish_reason")
    if reason is None:
        return None
    # OpenAI says "stop" for both ends; vLLM adds which text it was.
    if isinstance(choice.get("stop_reason"), str):
        return "stop"
    return "length" if reason == "length" else "end"


def _parse_usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    details = value.get("prompt_tokens_details")
    prompt = _get_count(value, "prompt_tokens")
    reused = _get_count(details, "cached_tokens") if isinstance(details, dict) else 0
    return Usage(prompt, min(reused, prompt), _get_count(value, "completion_tokens"))


def _get_count(values: Mapping[str, Any], name: str) -> int:
    count = values.get(name)
    return count if type(count) is int and 0 <= count < 2**31 else 0


def _parse_likelihoods(value: Any) -> tuple[tuple[Likelihood, tuple[Likelihood, ...]], ...]:
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return ()
    try:
        return tuple(
            (
                _parse_likelihood(one),
                tuple(_parse_likelihood(other) for other in one.get("top_logprobs") or ()),
            )
            for one in content
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotUnderstoodError("logprobs of another shape") from error


def _parse_likelihood(one: Mapping[str, Any]) -> Likelihood:
    return Likelihood(_clean_text(str(one["token"])), float(one["logprob"]))


def _clean_text(text: str) -> str:
    """Replace half characters, which files and terminals do not take."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
