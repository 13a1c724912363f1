"""One turn, whole: question, evidence, decision, answer, checks. Everything else in edge serves this function."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge.conversations import NOT_SENT, Conversations
from edge.engine.interface import Engine
from edge.errors import EdgeError, EngineError
from edge.guard.answer import check
from edge.guard.question import admit
from edge.guard.warnings import collect
from edge.popular import PopularPassages
from edge.prompt.conversation import Exchange, Sent, choose_usable, continue_conversation, make_opening
from edge.prompt.labels import relabel_stream
from edge.prompt.template import format_place, make_prompt
from edge.reading.answerable import REFUSE_BELOW, confidence
from edge.reading.quote import EXTRACTIVE
from edge.retrieval.retriever import Retriever
from edge.types import (
    Answer,
    Answered,
    Citation,
    Event,
    Evidence,
    EvidenceFound,
    Message,
    Passage,
    Prompt,
    Question,
    TokenStreamed,
    never,
)

Cancelled = Callable[[], bool]
Turn = Generator[Event, None, tuple[Answer, Exchange | None]]
"""An answer, and how a language model came to it."""
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
        popular: PopularPassages | None = None,
    ) -> None:
        self._retriever = retriever
        self._engine_for = engine_for
        self._conversations = conversations
        self._limits = limits
        self._default_engine = default_engine
        self._popular = popular

    def search(self, question: Question, limit: int) -> Evidence:
        """The best ``limit`` passages, without an answer."""
        text = admit(question.text, self._limits.question_bytes)
        return self._retriever.search(replace(question, text=text), limit).evidence

    def answer(self, question: Question, cancelled: Cancelled = never) -> Iterator[Event]:
        """Answer a question, telling what happens as it happens; the last event is ``Answered``.

        A turn that is cancelled ends without one, and is not remembered.

        Raises:
            UsageError: the question is empty, too long or not text, or names an unknown engine.
            NotFoundError: a pack or equipment that is not installed.
            NothingInstalledError: there is no pack at all.
        """
        clock = _Clock()
        carried = bool(question.history)
        question = self._admitted(question)
        turns = None if carried else self._turns(question)
        engine = self._engine_for(question.engine or self._default_engine)
        found = self._retriever.search(question, self._limits.passages)
        evidence = found.evidence
        clock.mark("evidence")
        yield EvidenceFound(evidence, clock.marks["evidence"])
        exchange: Exchange | None

        sure = confidence(evidence.query, found.query, found.ranked)
        if sure < REFUSE_BELOW or not evidence.passages:
            answer, exchange = _refusal(evidence, engine.name), NOT_SENT
        else:
            asking = _Asking(question, evidence, turns, cancelled, clock)
            answer, exchange = yield from self._written(asking, engine)
        if cancelled():
            return
        if evidence.missing and not answer.refused:
            notice = f"No installed pack mentions {_named(evidence.missing)}. {answer.notice or ''}".rstrip()
            answer = replace(answer, notice=notice)
        clock.mark("total")
        answer = replace(
            answer,
            conversation_id=question.conversation_id or "",
            timings_ms=dict(clock.marks),
            confidence=sure,
        )
        self._remember(question, answer, exchange)
        yield Answered(answer)

    def likely(self, limit: int) -> list[Prompt]:
        """What the prompts to come will probably begin with: the instructions, and passages asked for often."""
        try:
            lists = self._popular.most(limit) if self._popular else []
        except EdgeError:
            lists = []
        return [make_opening(()), *map(make_opening, self._installed(lists))]

    def _admitted(self, question: Question) -> Question:
        """The question checked, with a conversation and what was said in it."""
        text = admit(question.text, self._limits.question_bytes)
        conversation = question.conversation_id or uuid.uuid4().hex
        history = question.history
        if not history and question.conversation_id and self._conversations:
            history = self._said(self._conversations, conversation)
        return replace(question, text=text, history=history, conversation_id=conversation)

    def _written(self, asking: _Asking, engine: Engine) -> Turn:
        """An engine's answer, checked; a quotation when the engine fails or its text does not hold."""
        unverified: tuple[str, ...] = ()
        try:
            answer, exchange = yield from self._attempt(asking, engine)
        except _Ungrounded as error:
            unverified, notice = error.unverified, "What the language model wrote is not in the manual."
        except EngineError as error:
            notice = error.message
        else:
            return answer, exchange
        quoted, exchange = yield from self._attempt(asking, self._engine_for(EXTRACTIVE))
        notice = f"{notice} This answer quotes the manual instead."
        return replace(quoted, unverified=unverified, notice=notice), exchange

    def _attempt(self, asking: _Asking, engine: Engine) -> Turn:
        quotes = engine.name == EXTRACTIVE
        sent = None if quotes else self._sent(asking, engine)
        prompt = sent.prompt if sent else self._alone(asking, engine)
        written: list[str] = []
        shown: list[str] = []
        for piece in _shown(_kept(engine.stream(prompt, asking.cancelled), written), prompt):
            asking.clock.mark("first_token")
            shown.append(piece)
            yield TokenStreamed(piece)
        verdict = check("".join(shown), prompt.passages)
        if verdict.refused or asking.cancelled() or (verdict.ungrounded and quotes):
            return _refusal(asking.evidence, engine.name), NOT_SENT
        if verdict.ungrounded:
            raise _Ungrounded(verdict.unverified)
        answer = Answer(
            text=verdict.text,
            mode="extractive" if quotes else "generated",
            citations=verdict.citations,
            warnings=collect(verdict.citations),
            unverified=verdict.unverified,
            engine=engine.name,
        )
        return answer, sent.answered("".join(written), verdict.text) if sent else None

    def _alone(self, asking: _Asking, engine: Engine) -> Prompt:
        """A prompt for whoever quotes, or that goes on from what came with the question."""
        question, passages = asking.question, asking.evidence.passages
        return make_prompt(question.text, passages, question.history, self._limits.answer_tokens, engine.fits)

    def _sent(self, asking: _Asking, engine: Engine) -> Sent | None:
        """A prompt that begins like one that was computed before, where it can; None for a history that came along."""
        if asking.turns is None:
            return None
        scope = _scope(asking.question)
        sent = continue_conversation(
            asking.question.text,
            asking.evidence.passages,
            asking.turns,
            self._limits.answer_tokens,
            engine.fits,
            [] if asking.turns else self._known(scope),
            scope,
        )
        if sent.exchange.first == 1:
            self._count(sent.exchange.passages, scope)
        return sent

    def _turns(self, question: Question) -> tuple[Exchange, ...]:
        """What a language model saw of the conversation, as far as it still holds."""
        if self._conversations is None or not question.conversation_id:
            return ()
        try:
            turns = self._conversations.exchanges(question.conversation_id)
        except EdgeError:
            self._conversations = Conversations(None)
            return ()
        return choose_usable(turns, self._retriever.versions(), _scope(question))

    def _known(self, scope: str) -> list[tuple[Passage, ...]]:
        """Lists of passages that prompts began with lately, of packs as they are installed now."""
        try:
            return self._installed(self._popular.latest(scope)) if self._popular else []
        except EdgeError:
            self._popular = None
            return []

    def _count(self, passages: tuple[Passage, ...], scope: str) -> None:
        if self._popular is not None:
            try:
                self._popular.count(passages, scope)
            except EdgeError:
                self._popular = None

    def _installed(self, lists: Iterable[tuple[Passage, ...]]) -> list[tuple[Passage, ...]]:
        versions = self._retriever.versions()
        return [found for found in lists if all(versions.get(p.pack) == p.version for p in found)]

    def _said(self, conversations: Conversations, conversation: str) -> tuple[Message, ...]:
        """What was said before; nothing, and from now on in memory, when it cannot be read."""
        try:
            return conversations.history(conversation)
        except EdgeError:
            self._conversations = Conversations(None)
            return ()

    def _remember(self, question: Question, answer: Answer, exchange: Exchange | None) -> None:
        """A turn that cannot be stored (read-only medium, full disk, damaged database) is still answered."""
        if self._conversations is None or not question.remember:
            return
        try:
            self._conversations.append(answer.conversation_id, question.text, answer.text, exchange)
        except EdgeError:
            self._conversations = Conversations(None)
            self._conversations.append(answer.conversation_id, question.text, answer.text, exchange)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question on its way to an engine; ``turns`` are None where a history came with it."""

    question: Question
    evidence: Evidence
    turns: tuple[Exchange, ...] | None
    cancelled: Cancelled
    clock: _Clock


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
        text += f" Nearest: {format_place(nearest[0].passage)} [1]."
    return Answer(text=text, mode="refused", citations=nearest, engine=engine)


def _kept(pieces: Iterator[str], written: list[str]) -> Iterator[str]:
    """The pieces, each kept as the engine wrote it."""
    for piece in pieces:
        written.append(piece)
        yield piece


def _shown(pieces: Iterator[str], prompt: Prompt) -> Iterator[str]:
    """The pieces with passages numbered for readers."""
    return pieces if prompt.labels is None else relabel_stream(pieces, prompt.labels, len(prompt.passages))


def _scope(question: Question) -> str:
    """What the search is restricted to, as one text."""
    return "\n".join([question.equipment or "", *question.packs])


def _named(codes: Sequence[str]) -> str:
    return " or ".join(codes)
