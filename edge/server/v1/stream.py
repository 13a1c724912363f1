"""A language model's text as chunks, as it is written."""

from __future__ import annotations

from edge.engine.interface import Finished, Written
from edge.server.openai_errors import in_v1
from edge.server.sse import EventStream, frame
from edge.server.turns import Turns, Work
from edge.server.v1.completion import Heading, finish_reason, logprobs_json, usage_json
from edge.shapes import Json, encode

DONE = frame("", b"[DONE]")


class Chunks(EventStream[Written | Finished]):
    """``chat.completion.chunk`` objects, then ``[DONE]``."""

    def __init__(
        self, turns: Turns, work: Work[Written | Finished], heading: Heading, include_usage: bool
    ) -> None:
        super().__init__(turns, work)
        self._heading, self._include_usage = heading, include_usage
        self._begun = False

    def frames_of(self, event: Written | Finished) -> bytes:
        """See ``EventStream``."""
        first = b"" if self._begun else self._chunk(self._heading.chunk({"role": "assistant", "content": ""}))
        self._begun = True
        if isinstance(event, Written):
            piece = self._heading.chunk({"content": event.text}, logprobs=logprobs_json(event.tokens))
            return first + self._chunk(piece)
        last = self._chunk(self._heading.chunk({}, finish_reason(event)))
        if self._include_usage:
            last += frame("", encode(self._heading.usage_chunk(usage_json(event))))
        return first + last + DONE

    def is_last(self, event: Written | Finished) -> bool:
        """See ``EventStream``."""
        return isinstance(event, Finished)

    def failure(self, problem: Json) -> bytes:
        """See ``EventStream``."""
        return frame("", encode(in_v1(problem)))

    def _chunk(self, chunk: Json) -> bytes:
        return frame("", encode(chunk | {"usage": None} if self._include_usage else chunk))
