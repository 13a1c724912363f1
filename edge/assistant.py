"""One turn, whole: question, evidence, decision, answer, checks. Everything else in edge serves this function."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from edge.conversations import Conversations
from edge.engine.extractive import EXTRACTIVE
from edge.engine.interface import Engine, never
from edge.errors import EdgeError, EngineError
from edge.guard.answer import check
from edge.guard.question import admit
from edge.guard.warnings import collect
from edge.prompt.template import make_prompt, place
from edge.retrieval.confidence import REFUSE_BELOW
from edge.retrieval.retriever import Retriever
from edge.types import (
    Answer,
    Answered,
    Citation,
    Event,
    Evidence,
    EvidenceFound,
    Message,
    Question,
    TokenStreamed,
)

Cancelled = Callable[[], bool]
Turn = Generator[Event, None, Answer]
EngineFor = Callable[[str], Engine]
"""The engine of a name (``auto``, ``extractive``, ``llama`` …)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a turn; see ``Settings``."""

    question_bytes: int
    answer_tokens: int
    passages: int


class Assistant:
    """Answers questions from knowledge packs. Safe to use from several threads."""

    def __init__(
        self,
        retriever: Retriever,
        engine_for: EngineFor,
        conversations: Conversations | None,
        limits: Limits,
        default_engine: str = "auto",
    ) -> None:
        self._retriever = retriever
        self._engine_for = engine_for
        self._conversations = conversations
        self._limits = limits
        self._default_engine = default_engine

    def search(self, question: Question, limit: int) -> Evidence:
        """The best ``limit`` passages, without an answer."""
        text = admit(question.text, self._limits.question_bytes)
        return self._retriever.search(replace(question, text=text), limit)

    def answer(self, question: Question, cancelled: Cancelled = never) -> Iterator[Event]:
        """Answer a question, telling what happens as it happens; the last event is ``Answered``.

        A turn that is cancelled ends without one, and is not remembered.

        Raises:
            UsageError: the question is empty, too long or not text, or names an unknown engine.
            NotFoundError: a pack or equipment that is not installed.
            NothingInstalledError: there is no pack at all.
        """
        clock = _Clock()
        question = self._admitted(question)
        engine = self._engine_for(question.engine or self._default_engine)
        evidence = self._retriever.search(question, self._limits.passages)
        clock.mark("evidence")
        yield EvidenceFound(evidence, clock.marks["evidence"])

        if evidence.confidence < REFUSE_BELOW or not evidence.passages:
            answer = _refusal(evidence, engine.name)
        else:
            answer = yield from self._written(question, evidence, engine, cancelled, clock)
        if cancelled():
            return
        if evidence.missing and not answer.refused:
            notice = f"No installed pack mentions {_named(evidence.missing)}. {answer.notice or ''}".rstrip()
            answer = replace(answer, notice=notice)
        clock.mark("total")
        answer = replace(answer, conversation_id=question.conversation_id or "", timings_ms=dict(clock.marks))
        self._remember(question, answer)
        yield Answered(answer)

    def _admitted(self, question: Question) -> Question:
        """The question checked, with a conversation and what was said in it."""
        text = admit(question.text, self._limits.question_bytes)
        conversation = question.conversation_id or uuid.uuid4().hex
        history = question.history
        if not history and question.conversation_id and self._conversations:
            history = self._said(self._conversations, conversation)
        return replace(question, text=text, history=history, conversation_id=conversation)

    def _written(
        self, question: Question, evidence: Evidence, engine: Engine, cancelled: Cancelled, clock: _Clock
    ) -> Turn:
        """An engine's answer, checked; a quotation when the engine fails or its text does not hold."""
        unverified: tuple[str, ...] = ()
        try:
            answer = yield from self._attempt(question, evidence, engine, cancelled, clock)
        except _Ungrounded as error:
            unverified, notice = error.unverified, "What the language model wrote is not in the manual."
        except EngineError as error:
            notice = error.message
        else:
            return answer
        quoting = self._engine_for(EXTRACTIVE)
        quoted = yield from self._attempt(question, evidence, quoting, cancelled, clock)
        return replace(
            quoted, unverified=unverified, notice=f"{notice} This answer quotes the manual instead."
        )

    def _attempt(
        self, question: Question, evidence: Evidence, engine: Engine, cancelled: Cancelled, clock: _Clock
    ) -> Turn:
        limit = self._limits.answer_tokens
        prompt = make_prompt(question.text, evidence.passages, question.history, limit, engine.fits)
        pieces: list[str] = []
        for piece in engine.stream(prompt, cancelled):
            clock.mark("first_token")
            pieces.append(piece)
            yield TokenStreamed(piece)
        verdict = check("".join(pieces), prompt.passages)
        quotes = engine.name == EXTRACTIVE
        if verdict.refused or cancelled() or (verdict.ungrounded and quotes):
            return _refusal(evidence, engine.name)
        if verdict.ungrounded:
            raise _Ungrounded(verdict.unverified)
        return Answer(
            text=verdict.text,
            mode="extractive" if quotes else "generated",
            citations=verdict.citations,
            warnings=collect(verdict.citations),
            unverified=verdict.unverified,
            engine=engine.name,
        )

    def _said(self, conversations: Conversations, conversation: str) -> tuple[Message, ...]:
        """What was said before; nothing, and from now on in memory, when it cannot be read."""
        try:
            return conversations.history(conversation)
        except EdgeError:
            self._conversations = Conversations(None)
            return ()

    def _remember(self, question: Question, answer: Answer) -> None:
        """A turn that cannot be stored (read-only medium, full disk, damaged database) is still answered."""
        if self._conversations is None:
            return
        try:
            self._conversations.append(answer.conversation_id, question.text, answer.text)
        except EdgeError:
            self._conversations = Conversations(None)
            self._conversations.append(answer.conversation_id, question.text, answer.text)


class _Ungrounded(Exception):
    """The engine's text cites nothing, or nothing of it stands in the passages."""

    def __init__(self, unverified: tuple[str, ...]) -> None:
        super().__init__()
        self.unverified = unverified


class _Clock:
    """Milliseconds since the turn began, each mark at its first time only."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.marks: dict[str, float] = {}

    def mark(self, name: str) -> None:
        self.marks.setdefault(name, round((time.perf_counter() - self._start) * 1000, 1))


def _refusal(evidence: Evidence, engine: str) -> Answer:
    """An honest no, with the page that came nearest."""
    nearest = tuple(Citation(1, passage) for passage in evidence.passages[:1])
    text = "Not in the installed packs"
    text += f": none mentions {_named(evidence.missing)}." if evidence.missing else "."
    if nearest:
        text += f" Nearest: {place(nearest[0].passage)} [1]."
    return Answer(text=text, mode="refused", citations=nearest, engine=engine)


def _named(codes: Sequence[str]) -> str:
    return " or ".join(codes)
