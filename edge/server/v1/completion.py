"""What an engine writes, in the shapes of OpenAI's chat completions: whole, and as the chunks of a stream. Pure."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.engine.interface import Finished, Likelihood, Written
from edge.shapes import Json


@dataclass(frozen=True, slots=True)
class Heading:
    """What the parts of one completion have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, text: str, finish_reason: str = "stop", logprobs: Json | None = None) -> Json:
        """A whole answer."""
        choice: Json = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }
        return self._of("chat.completion") | {"choices": [choice]}

    def chunk(self, delta: Json, finish_reason: str | None = None, logprobs: Json | None = None) -> Json:
        """A part of an answer."""
        choice: Json = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._of("chat.completion.chunk") | {"choices": [choice]}

    def usage_chunk(self, usage: Json) -> Json:
        """What follows the last part when the client asked for it."""
        return self._of("chat.completion.chunk") | {"choices": [], "usage": usage}

    def _of(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def whole(heading: Heading, pieces: Sequence[Written], finished: Finished) -> Json:
    """A completion."""
    tokens = [token for piece in pieces for token in piece.tokens]
    text = "".join(piece.text for piece in pieces)
    body = heading.completion(text, finish_reason(finished), logprobs_json(tokens))
    return body | {"usage": usage_json(finished)}


def finish_reason(finished: Finished) -> str:
    """OpenAI's word for it."""
    return "length" if finished.reason == "length" else "stop"


def usage_json(finished: Finished) -> Json:
    """What it cost."""
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.tokens,
        "total_tokens": finished.prompt_tokens + finished.tokens,
        "prompt_tokens_details": {"cached_tokens": finished.reused_tokens},
    }


def logprobs_json(tokens: Sequence[tuple[Likelihood, Iterable[Likelihood]]]) -> Json | None:
    """Tokens with their alternatives; None where there are none."""
    if not tokens:
        return None
    content = [
        _likely(chosen) | {"top_logprobs": [_likely(one) for one in others]} for chosen, others in tokens
    ]
    return {"content": content, "refusal": None}


def _likely(one: Likelihood) -> Json:
    return {"token": one.text, "logprob": one.logprob, "bytes": list(one.text.encode("utf-8", "replace"))}
