"""Answers from the packs in the shape of chat completions.

A client that shows what it gets piece by piece cannot unsay a number. So nothing an engine writes is sent before the
whole of it was checked: a stream begins with the evidence, goes on with comments that keep it alive, and then has the
checked answer at once.
"""

from __future__ import annotations

from edge.prompt.template import format_place
from edge.server.openai_errors import to_openai
from edge.server.sse import EventStream, encode_frame
from edge.server.turns import Turns, Work
from edge.server.v1.completion import Heading
from edge.server.v1.responses import ChatCompletion
from edge.server.v1.stream import DONE
from edge.shapes import Problem, dump_answer, dump_evidence, encode
from edge.types import Answer, Answered, Event, EvidenceFound


def dump_completion(heading: Heading, answer: Answer, aware: bool) -> ChatCompletion:
    """Return a completion whose ``edge`` is the answer of ``POST /chat``; ``aware`` as in ``write_content``."""
    completion = heading.make_completion(write_content(answer, aware))
    completion["edge"] = dump_answer(answer)
    return completion


def write_content(answer: Answer, aware: bool) -> str:
    """Return the text of the message.

    Args:
        aware: the client reads the field ``edge``, so that the checked text is enough. Another client has nothing but
            the message: it also gets the notice, the warnings word for word, and where the text stands.
    """
    if aware or answer.refused:  # a refusal names its page
        return answer.text
    parts = [answer.text]
    if answer.notice:
        parts.append(answer.notice)
    parts += [
        f"{warning.text} [{warning.citation}]"
        for warning in answer.warnings
        if warning.text not in answer.text
    ]
    parts += ["\n".join(f"[{citation.n}] {format_place(citation.passage)}" for citation in answer.citations)]
    return "\n\n".join(part for part in parts if part)


class GroundedChunks(EventStream[Event]):
    """``chat.completion.chunk`` objects: the first has the passages, the last the answer, each in its ``edge``."""

    def __init__(self, turns: Turns, work: Work[Event], heading: Heading, aware: bool) -> None:
        super().__init__(turns, work)
        self._heading, self._aware = heading, aware

    def encode_event(self, event: Event) -> bytes:
        """See ``EventStream``."""
        match event:
            case EvidenceFound():
                first = self._heading.make_chunk({"role": "assistant", "content": ""})
                first["edge"] = dump_evidence(event)
                return encode_frame("", encode(first))
            case Answered(answer):
                text = self._heading.make_chunk({"content": write_content(answer, self._aware)})
                last = self._heading.make_chunk({}, "stop")
                last["edge"] = dump_answer(answer)
                return encode_frame("", encode(text)) + encode_frame("", encode(last)) + DONE
        return b""

    def is_last(self, event: Event) -> bool:
        """See ``EventStream``."""
        return isinstance(event, Answered)

    def encode_failure(self, problem: Problem) -> bytes:
        """See ``EventStream``."""
        return encode_frame("", encode(to_openai(problem)))
