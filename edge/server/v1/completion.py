"""The text of an engine in the shapes of OpenAI's chat completions: whole, and as the chunks of a stream. Pure."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.engine.interface import Finished, Likelihood, Written
from edge.server.v1.responses import (
    ChatCompletion,
    Chunk,
    Delta,
    FinishReason,
    Likely,
    LikelyToken,
    Logprobs,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """The fields that all parts of one completion have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def make_completion(
        self, text: str, finish_reason: FinishReason = "stop", logprobs: Logprobs | None = None
    ) -> ChatCompletion:
        """Return a whole answer."""
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": logprobs,
                    "finish_reason": finish_reason,
                }
            ],
        }

    def make_chunk(
        self, delta: Delta, finish_reason: FinishReason | None = None, logprobs: Logprobs | None = None
    ) -> Chunk:
        """Return a part of an answer."""
        chunk = self._make_empty_chunk()
        chunk["choices"] = [
            {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        ]
        return chunk

    def make_usage_chunk(self, usage: Usage) -> Chunk:
        """Return the part that follows the last one when the client asked for it."""
        chunk = self._make_empty_chunk()
        chunk["usage"] = usage
        return chunk

    def _make_empty_chunk(self) -> Chunk:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [],
        }


def dump_completion(heading: Heading, pieces: Sequence[Written], finished: Finished) -> ChatCompletion:
    """Return a completion."""
    tokens = [token for piece in pieces for token in piece.tokens]
    text = "".join(piece.text for piece in pieces)
    completion = heading.make_completion(text, find_finish_reason(finished), dump_logprobs(tokens))
    completion["usage"] = dump_usage(finished)
    return completion


def find_finish_reason(finished: Finished) -> FinishReason:
    """Return OpenAI's word for the end of an answer."""
    return "length" if finished.reason == "length" else "stop"


def dump_usage(finished: Finished) -> Usage:
    """Return the tokens that an answer took."""
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.tokens,
        "total_tokens": finished.prompt_tokens + finished.tokens,
        "prompt_tokens_details": {"cached_tokens": finished.reused_tokens},
    }


def dump_logprobs(tokens: Sequence[tuple[Likelihood, Iterable[Likelihood]]]) -> Logprobs | None:
    """Return tokens with their alternatives; None where there are none."""
    if not tokens:
        return None
    content: list[LikelyToken] = [
        {**_dump_likely(chosen), "top_logprobs": [_dump_likely(one) for one in others]}
        for chosen, others in tokens
    ]
    return {"content": content, "refusal": None}


def _dump_likely(one: Likelihood) -> Likely:
    return {"token": one.text, "logprob": one.logprob, "bytes": list(one.text.encode("utf-8", "replace"))}
