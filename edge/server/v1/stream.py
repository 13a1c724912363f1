"""A language model's text as chunks, as it is written."""

from __future__ import annotations

from edge.engine.interface import Finished, Written
from edge.server.openai_errors import to_openai
from edge.server.sse import EventStream, encode_frame
from edge.server.turns import Turns, Work
from edge.server.v1.completion import Heading, dump_logprobs, dump_usage, find_finish_reason
from edge.server.v1.responses import Chunk
from edge.shapes import Problem, encode

DONE = encode_frame("", b"[DONE]")


class Chunks(EventStream[Written | Finished]):
    """``chat.completion.chunk`` objects, then ``[DONE]``."""

    def __init__(
        self, turns: Turns, work: Work[Written | Finished], heading: Heading, include_usage: bool
    ) -> None:
        super().__init__(turns, work)
        self._heading, self._include_usage = heading, include_usage
        self._begun = False

    def encode_event(self, event: Written | Finished) -> bytes:
        """See ``EventStream``."""
        first = (
            b""
            if self._begun
            else self._encode(self._heading.make_chunk({"role": "assistant", "content": ""}))
        )
        self._begun = True
        if isinstance(event, Written):
            piece = self._heading.make_chunk({"content": event.text}, logprobs=dump_logprobs(event.tokens))
            return first + self._encode(piece)
        last = self._encode(self._heading.make_chunk({}, find_finish_reason(event)))
        if self._include_usage:
            last += self._encode(self._heading.make_usage_chunk(dump_usage(event)))
        return first + last + DONE

    def is_last(self, event: Written | Finished) -> bool:
        """See ``EventStream``."""
        return isinstance(event, Finished)

    def encode_failure(self, problem: Problem) -> bytes:
        """See ``EventStream``."""
        return encode_frame("", encode(to_openai(problem)))

    def _encode(self, chunk: Chunk) -> bytes:
        if self._include_usage:
            chunk.setdefault("usage", None)
        return encode_frame("", encode(chunk))
