"""One turn, whole: question, evidence, decision, answer, checks. Everything else in edge serves this function."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from edge.audit.turn import Audit, Draft, Generation, settle
from edge.conversations import NOT_SENT, Conversations
from edge.engine.interface import GREEDY, Engine
from edge.errors import EngineError
from edge.guard.answer import check
from edge.guard.question import admit
from edge.guard.warnings import collect
from edge.memory import Memory, scope_of
from edge.popular import PopularPassages
from edge.prompt.conversation import Exchange, Sent, continue_conversation, make_opening
from edge.prompt.labels import relabel_stream
from edge.prompt.template import make_prompt
from edge.reading.candidates import PASSAGES
from edge.reading.clarify import complete_choice
from edge.reading.decide import decide, refuse
from edge.reading.reader import read
from edge.retrieval.retriever import Retriever
from edge.types import (
    Answer,
    Answered,
    Event,
    Evidence,
    EvidenceFound,
    Prompt,
    Question,
    Quoted,
    TokenStreamed,
    never,
)

Cancelled = Callable[[], bool]
Turn = Generator[Event, None, tuple[Answer, Exchange | None]]
"""An answer, and how a language model came to it."""
EngineFor = Callable[[str], Engine | None]
"""The engine of a name (``auto``, ``llama`` …); None for ``extractive``, which needs none."""
NO_AUDIT = Audit(None)
SAMPLER = {"temperature": GREEDY.temperature}
"""An answer from the packs takes the likeliest token, always."""


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
        audit: Audit | None = None,
    ) -> None:
        self._retriever = retriever
        self._engine_for = engine_for
        self._memory = Memory(conversations, popular, retriever.list_versions)
        self._limits = limits
        self._default_engine = default_engine
        self._audit = audit or NO_AUDIT

    def search(self, question: Question, limit: int) -> Evidence:
        """Return the best ``limit`` passages, without an answer."""
        text = admit(question.text, self._limits.question_bytes)
        return self._retriever.search(replace(question, text=text), limit).evidence

    def answer(self, question: Question, cancelled: Cancelled = never) -> Iterator[Event]:
        """Answer a question, telling what happens as it happens; the last event is ``Answered``.

        A turn that is cancelled ends without one, and is not remembered. Every turn becomes a row of the audit log,
        however it ends; an answer comes once its row is on the disk.

        Raises:
            UsageError: the question is empty, too long or not text, or names an unknown engine.
            NotFoundError: a pack or equipment that is not installed.
            NothingInstalledError: there is no pack at all.
            StorageError: it cannot be recorded, and must be.
        """
        with self._audit.begin(question) as draft:
            yield from self._answer(question, cancelled, draft)

    def _answer(self, question: Question, cancelled: Cancelled, draft: Draft) -> Iterator[Event]:
        clock = _Clock()
        carries_history = bool(question.history)
        question = replace(question, text=admit(question.text, self._limits.question_bytes))
        question = complete_choice(self._memory.recall(question))
        engine = self._engine_for(question.engine or self._default_engine)
        found = self._retriever.search(question, max(PASSAGES, self._limits.passages))
        evidence = replace(found.evidence, passages=found.evidence.passages[: self._limits.passages])
        clock.mark("evidence")
        draft.note_evidence(question, evidence)
        yield EvidenceFound(evidence, clock.marks["evidence"])

        reading = read(evidence.query, found.query, found.evidence.passages)
        answer = decide(reading, found.evidence)
        exchange: Exchange | None = NOT_SENT if answer.mode in ("refused", "clarify") else None
        clock.mark("quote")
        if engine and answer.mode == "extractive":
            yield Quoted(replace(answer, timings_ms=dict(clock.marks)))
            turns = None if carries_history else self._memory.read_turns(question)
            rated = replace(found.evidence, passages=reading.rate_passages(found.evidence.passages))
            asking = _Asking(question, rated, turns, cancelled, clock, draft)
            answer, exchange = yield from self._write(asking, engine, answer)
        if cancelled():
            return
        clock.mark("total")
        answer = replace(
            _add_notes(answer, evidence),
            conversation_id=question.conversation_id or "",
            timings_ms=dict(clock.marks),
        )
        pending = draft.submit(answer)
        self._memory.remember(question, answer, exchange)
        yield Answered(settle(answer, pending))

    def list_likely_prompts(self, limit: int) -> list[Prompt]:
        """Return what prompts to come will probably begin with: the instructions, and passages asked for often."""
        return [make_opening(()), *map(make_opening, self._memory.read_most_asked(limit))]

    def _write(self, asking: _Asking, engine: Engine, quoted: Answer) -> Turn:
        """Let an engine write, and check it; the quotation stands when it fails or its text does not hold."""
        unverified: tuple[str, ...] = ()
        try:
            answer, exchange = yield from self._attempt(asking, engine)
        except _Ungrounded as error:
            unverified, notice = error.unverified, "What the language model wrote is not in the manual."
        except EngineError as error:
            notice = error.message
        else:
            return replace(answer, confidence=quoted.confidence), exchange
        notice = f"{notice} This answer quotes the manual instead."
        return replace(quoted, unverified=unverified, notice=notice), None

    def _attempt(self, asking: _Asking, engine: Engine) -> Turn:
        sent = self._continue(asking, engine)
        prompt = sent.prompt if sent else self._make_prompt(asking, engine)
        asking.draft.note_generation(Generation(engine.name, prompt.messages, prompt.max_tokens, SAMPLER))
        written: list[str] = []
        shown: list[str] = []
        pieces = _keep(engine.stream(prompt, asking.cancelled), written, asking.draft)
        for piece in _relabel(pieces, prompt):
            asking.clock.mark("first_token")
            shown.append(piece)
            yield TokenStreamed(piece)
        verdict = check("".join(shown), prompt.passages)
        if verdict.refused or asking.cancelled():
            return refuse(asking.evidence, engine.name), NOT_SENT
        if verdict.ungrounded:
            raise _Ungrounded(verdict.unverified)
        answer = Answer(
            text=verdict.text,
            mode="generated",
            citations=verdict.citations,
            warnings=collect(verdict.citations),
            unverified=verdict.unverified,
            engine=engine.name,
        )
        return answer, sent.add_answer("".join(written), verdict.text) if sent else None

    def _make_prompt(self, asking: _Asking, engine: Engine) -> Prompt:
        """Make a prompt for whoever quotes, or that goes on from what came with the question."""
        question, passages = asking.question, asking.evidence.passages
        return make_prompt(question.text, passages, question.history, self._limits.answer_tokens, engine.fits)

    def _continue(self, asking: _Asking, engine: Engine) -> Sent | None:
        """Make a prompt that begins like one computed before, where it can; None for a history that came along."""
        if asking.turns is None:
            return None
        scope = scope_of(asking.question)
        sent = continue_conversation(
            asking.question.text,
            asking.evidence.passages,
            asking.turns,
            self._limits.answer_tokens,
            engine.fits,
            [] if asking.turns else self._memory.read_known(scope),
            scope,
        )
        if sent.exchange.first == 1:
            self._memory.count(sent.exchange.passages, scope)
        return sent


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question on its way to an engine; ``turns`` are None where a history came with it."""

    question: Question
    evidence: Evidence
    turns: tuple[Exchange, ...] | None
    cancelled: Cancelled
    clock: _Clock
    draft: Draft


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


def _add_notes(answer: Answer, evidence: Evidence) -> Answer:
    """Say which codes no pack mentions, unless a refusal does so itself, and which sources were hard to read."""
    if answer.refused:
        return answer
    missing = f"No installed pack mentions {' or '.join(evidence.missing)}." if evidence.missing else ""
    doubtful = [f"[{citation.n}]" for citation in answer.citations if citation.passage.is_doubtful]
    doubt = f"Read from a scan: compare with the page ({', '.join(doubtful)})." if doubtful else ""
    notice = " ".join(filter(None, (missing, doubt, answer.notice)))
    return replace(answer, notice=notice) if notice else answer


def _keep(pieces: Iterator[str], written: list[str], draft: Draft) -> Iterator[str]:
    """Pass the pieces on, each kept and recorded as the engine wrote it."""
    for piece in pieces:
        written.append(piece)
        draft.note_written(piece)
        yield piece


def _relabel(pieces: Iterator[str], prompt: Prompt) -> Iterator[str]:
    """Pass the pieces on with passages numbered for readers."""
    return pieces if prompt.labels is None else relabel_stream(pieces, prompt.labels, len(prompt.passages))
