"""One turn as the log keeps it: collected while it goes on, written as one row when it ends, however it ends."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, Self

from edge.audit.entry import NewRow, make_commitment
from edge.audit.log import AuditLog
from edge.audit.receipt import hash_text, write_body
from edge.audit.replay import PackFacts, find_changes
from edge.errors import EdgeError, StorageError
from edge.types import Answer, Evidence, Message, Passage, Question

Outcome = Literal["answered", "refused", "failed", "stopped"]
Record = dict[str, Any]

SALT_BYTES = 16
WAIT_S = 30.0
"""How long a turn waits for the disk."""

MOST_CHARACTERS = 65_536
"""Of a question that is recorded: longer ones are refused, and known by their digest."""

COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """Where a record learns what answered.

    Args:
        list_packs: the packs in use, by name.
        hash_model: the SHA-256 of an engine's model by the engine's name; empty where it is unknown.
        program: the version of edge.
    """

    list_packs: Callable[[], Mapping[str, PackFacts]]
    hash_model: Callable[[str], str]
    program: str


NO_FACTS = Facts(dict, lambda engine: "", "")


@dataclass(frozen=True, slots=True)
class Generation:
    """What a language model was given and how it was asked."""

    engine: str
    messages: tuple[Message, ...]
    max_tokens: int
    sampling: Mapping[str, Any] = field(default_factory=dict)


class Audit:
    """Records turns. Safe to use from several threads.

    Args:
        log: None records nothing.
        facts: see ``Facts``.
        subject: who asks where a question does not say.
        surface: where questions come in.
        required: a turn that cannot be recorded fails; else it says so and goes on.
    """

    def __init__(
        self,
        log: AuditLog | None,
        facts: Facts = NO_FACTS,
        subject: str = "",
        surface: str = "",
        required: bool = False,
    ) -> None:
        self.log = log
        self._facts, self._subject, self._surface, self._required = (
            facts,
            clean_subject(subject),
            surface,
            required,
        )
        self._missed = 0

    def begin(self, question: Question) -> Draft:
        """Begin the record of a turn that answers from the packs."""
        self.warm_up()
        return Draft(self, clean_subject(question.subject) or self._subject, _describe_question(question))

    def begin_chat(self, subject: str, generation: Generation) -> Draft:
        """Begin the record of a turn that a language model answers by itself."""
        self.warm_up()
        draft = Draft(self, clean_subject(subject) or self._subject, {"kind": "chat"})
        draft.note_generation(generation)
        return draft

    def warm_up(self) -> None:
        """Begin to load what writing needs."""
        if self.log is not None:
            self.log.warm_up()

    def close(self) -> None:
        """Write what waits, and close the log."""
        if self.log is not None:
            self.log.close()

    def write(self, subject: str, record: Record, body: str = "") -> Pending:
        """Hand a record over; a receipt has this body."""
        salt = os.urandom(SALT_BYTES)
        commitment = make_commitment(salt, body.encode())
        if self.log is None:
            return Pending(self, None, b"")
        now = time.time_ns() // 1_000_000
        kept = {"v": 1, "edge": self._facts.program, "surface": self._surface, **record, "salt": salt.hex()}
        if body:
            kept["receipt"] = body
        if self._missed:
            kept["unrecorded"] = self._missed
        payload = zlib.compress(encode(kept), COMPRESSION)
        return Pending(self, self.log.submit(NewRow(subject, now, commitment, payload)), commitment)

    def describe(self, engine: str, passages: Sequence[Passage]) -> Record:
        """Return which packs and which model answered."""
        packs = self._facts.list_packs()
        used = sorted({passage.pack for passage in passages} & set(packs))
        return {
            "packs": [
                {"name": name, "version": packs[name].version, "digest": packs[name].digest} for name in used
            ],
            "model_sha256": self._facts.hash_model(engine),
        }

    def find_changes(self, body: Mapping[str, Any], engine: str) -> list[str]:
        """Return how what answers now, by an engine, is not what answered for a receipt."""
        return find_changes(body, self._facts.list_packs(), self._facts.hash_model(engine))

    def settle(self, error: EdgeError | None) -> EdgeError | None:
        """Count what could not be recorded; return the error if it must not be passed over."""
        if error is None:
            self._missed = 0
            return None
        self._missed += 1
        return error if self._required else None


class Pending:
    """A row on its way to the disk."""

    def __init__(self, audit: Audit, future: Future[int] | None, commitment: bytes) -> None:
        self._audit, self._future, self._commitment = audit, future, commitment

    def wait(self) -> tuple[str, str]:
        """Wait until the row is on the disk.

        Returns:
            The name of its receipt, empty where nothing was recorded; and a notice if it should have been.

        Raises:
            EdgeError: it cannot be recorded, and must be.
        """
        if self._future is None:
            return "", ""
        error: EdgeError | None = None
        try:
            self._future.result(WAIT_S)
        except EdgeError as failure:
            error = failure
        except TimeoutError:
            error = StorageError("The disk of the audit log does not answer.", "Check the disk.")
        if (fatal := self._audit.settle(error)) is not None:
            raise fatal
        if error is not None:
            return "", f"This turn is not in the audit log: {error.message}"
        return self._commitment.hex(), ""


class Draft:
    """What is known of a turn so far. As a context it writes the row of a turn that fails or is stopped."""

    def __init__(self, audit: Audit, subject: str, record: Record) -> None:
        self._audit, self._subject, self._record = audit, subject, record
        self._passages: tuple[Passage, ...] = ()
        self._written: list[str] = []
        self._ended = audit.log is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if isinstance(error, Exception):
            hint = error.message if isinstance(error, EdgeError) else str(error)
            self._record["error"] = {"kind": type(error).__name__, "message": hint}
        self._submit("failed" if isinstance(error, Exception) else "stopped").wait()

    def note_evidence(self, question: Question, evidence: Evidence) -> None:
        """Note what was searched for and found."""
        if self._ended:
            return
        self._passages = evidence.passages
        self._record |= {
            "conversation": question.conversation_id,
            "query": evidence.query,
            "passages": [describe_passage(passage) for passage in evidence.passages],
        }
        if evidence.corrections:
            self._record["corrections"] = dict(evidence.corrections)
        if evidence.missing:
            self._record["missing"] = list(evidence.missing)

    def note_generation(self, generation: Generation) -> None:
        """Note what a language model is given."""
        if self._ended:
            return
        self._record |= {
            "engine": generation.engine,
            "prompt": [[message.role, message.content] for message in generation.messages],
            "max_tokens": generation.max_tokens,
            "sampler": dict(generation.sampling),
        }

    def note_written(self, piece: str) -> None:
        """Note a piece of text as the language model wrote it."""
        self._written.append(piece)

    def submit(self, answer: Answer) -> Pending:
        """End the turn with an answer, and hand its row over."""
        if self._ended:
            return Pending(self._audit, None, b"")
        facts = self._audit.describe(answer.engine, self._passages)
        self._record |= {**facts, "engine": answer.engine, "answer": _describe_answer(answer)}
        body = write_body(self._record)
        return self._submit("refused" if answer.refused else "answered", body)

    def end_chat(self, engine: str, finished: Mapping[str, Any]) -> None:
        """End a turn of a language model by itself; it is recorded then.

        Raises:
            EdgeError: it cannot be recorded, and must be.
        """
        if not self._ended:
            self._record |= {**self._audit.describe(engine, ()), "engine": engine, "finished": dict(finished)}
            self._submit("answered").wait()

    def _submit(self, outcome: Outcome, body: str = "") -> Pending:
        self._ended = True
        self._record["outcome"] = outcome
        if self._written:
            self._record["written"] = "".join(self._written)
        return self._audit.write(self._subject, self._record, body)


def settle(answer: Answer, pending: Pending) -> Answer:
    """Wait for the row of an answer, and return the answer with the name of its receipt, or a notice."""
    receipt, notice = pending.wait()
    if notice:
        return replace(answer, notice=f"{answer.notice or ''} {notice}".strip())
    return replace(answer, receipt=receipt)


def describe_passage(passage: Passage) -> Record:
    """Return a passage by its place and its digest."""
    return {
        "pack": passage.pack,
        "version": passage.version,
        "document": passage.document,
        "page": passage.page_from,
        "page_to": passage.page_to,
        "sha256": hash_text(passage.text),
        "score": round(passage.score, 4),
        "chance": None if passage.chance is None else round(passage.chance, 4),
    }


def encode(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON on one line."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def clean_subject(subject: str) -> str:
    """Return a subject's name without what would make it another one for the eye or the disk."""
    return "".join(filter(str.isprintable, subject)).strip().encode("utf-8", "replace").decode()


def _describe_question(question: Question) -> Record:
    text = question.text
    record: Record = {
        "kind": "turn",
        "question": text[:MOST_CHARACTERS],
        "scope": {
            "equipment": question.equipment,
            "packs": list(question.packs),
            "engine": question.engine,
        },
        "conversation": question.conversation_id,
    }
    if len(text) > MOST_CHARACTERS:
        record["question_sha256"] = hash_text(text)
    if question.history:
        record["history"] = [[message.role, message.content] for message in question.history]
    return record


def _describe_answer(answer: Answer) -> Record:
    return {
        "text": answer.text,
        "mode": answer.mode,
        "citations": [{"n": one.n, **describe_passage(one.passage)} for one in answer.citations],
        "warnings": [{"text": one.text, "citation": one.citation} for one in answer.warnings],
        "unverified": list(answer.unverified),
        "choices": [choice.label for choice in answer.choices],
        "notice": answer.notice,
        "confidence": round(answer.confidence, 4),
        "timings_ms": dict(answer.timings_ms),
    }
