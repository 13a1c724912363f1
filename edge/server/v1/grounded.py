"""Answers from the packs in the shape of chat completions.

A client that shows what it gets piece by piece cannot unsay a number. So nothing an engine writes is sent before the
whole of it was checked: a stream begins with the evidence, goes on with comments that keep it alive, and then has the
checked answer at once.
"""

from __future__ import annotations

from edge.prompt.template import format_place
from edge.server.openai_errors import in_v1
from edge.server.sse import EventStream, frame
from edge.server.turns import Turns, Work
from edge.server.v1.completion import Heading
from edge.server.v1.stream import DONE
from edge.shapes import Json, answer_json, encode, evidence_json
from edge.types import Answer, Answered, Event, EvidenceFound


def whole(heading: Heading, answer: Answer, aware: bool) -> Json:
    """A completion whose ``edge`` is the answer as ``POST /chat`` gives it; see ``shown`` for ``aware``."""
    return heading.completion(shown(answer, aware)) | {"edge": answer_json(answer)}


def shown(answer: Answer, aware: bool) -> str:
    """The text of the message.

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

    def frames_of(self, event: Event) -> bytes:
        """See ``EventStream``."""
        match event:
            case EvidenceFound():
                first = self._heading.chunk({"role": "assistant", "content": ""})
                return frame("", encode(first | {"edge": evidence_json(event)}))
            case Answered(answer):
                text = self._heading.chunk({"content": shown(answer, self._aware)})
                last = self._heading.chunk({}, "stop") | {"edge": answer_json(answer)}
                return frame("", encode(text)) + frame("", encode(last)) + DONE
        return b""

    def is_last(self, event: Event) -> bool:
        """See ``EventStream``."""
        return isinstance(event, Answered)

    def failure(self, problem: Json) -> bytes:
        """See ``EventStream``."""
        return frame("", encode(in_v1(problem)))
