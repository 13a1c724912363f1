"""Labelled questions, and how well the packs answer them: what ``edge eval`` and the benchmarks print.

A set is a file of JSON lines: ``{"id", "question", "history"?, "equipment"?, "answerable", "gold", "contains"}``.
``gold`` lists places that answer: ``{"document", "pages": [12, 13]}`` or ``{"document", "heading": "Last heading"}``;
``contains`` lists strings that a right answer quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import index
from pathlib import Path
from typing import Any

from edge.errors import NotFoundError, UsageError
from edge.types import Answer, Answered, Event, EvidenceFound, Message, Passage, Question

DEPTH = 10
"""Passages looked at for each question."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers: pages of a document, or the section under a heading."""

    document: str
    pages: tuple[int, ...] = ()
    heading: str = ""

    def holds(self, passage: Passage) -> bool:
        """Tell whether a passage shows this place."""
        if passage.document.rsplit("/", 1)[-1] != self.document.rsplit("/", 1)[-1]:
            return False
        if self.heading:
            return self.heading in passage.heading.split(" > ")
        return any(passage.page_from <= page <= passage.page_to for page in self.pages)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with what is known about its answer."""

    id: str
    question: Question
    gold: tuple[Gold, ...]
    contains: tuple[str, ...]

    @property
    def answerable(self) -> bool:
        """True if the packs answer it."""
        return bool(self.gold)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one question: ``rank`` of the first right passage (0: none), the answer."""

    labelled: Labelled
    rank: int
    answer: Answer

    @property
    def quoted(self) -> bool:
        """True if the answer holds a wanted string (its table cells and line breaks do not matter)."""
        return any(_flatten(wanted) in _flatten(self.answer.text) for wanted in self.labelled.contains)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures over a set; shares are 0 to 1. Refusal is right when the question is not answerable.

    ``right`` is the share of answerable questions answered from a right place; ``quoted`` the share of those with
    ``contains`` whose answer holds one of the strings.
    """

    questions: int
    answerable: int
    hit_1: float
    hit_3: float
    hit_5: float
    mrr: float
    refusal_precision: float
    refusal_recall: float
    right: float
    quoted: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def load_questions(path: Path) -> list[Labelled]:
    """Return the questions of a set.

    Raises:
        NotFoundError: there is no such file.
        UsageError: a line is not what it should be; says which.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise NotFoundError(
            f"{path} cannot be read: {error.strerror}.", "Give a file of labelled questions."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text.", "Give a file of JSON lines.") from error
    return [_parse_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _parse_line(path: Path, number: int, line: str) -> Labelled:
    try:
        row: dict[str, Any] = json.loads(line)
        gold = tuple(
            Gold(
                _read_text(place["document"]),
                tuple(map(index, place.get("pages", []))),
                _read_text(place.get("heading", "")),
            )
            for place in row.get("gold", [])
        )
        history = tuple(Message(turn["role"], _read_text(turn["content"])) for turn in row.get("history", []))
        equipment = row.get("equipment")
        question = Question(
            _read_text(row["question"]), history, None if equipment is None else _read_text(equipment)
        )
        return Labelled(str(row["id"]), question, gold, _read_texts(row.get("contains", [])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{path}, line {number} is not a labelled question: {error}.",
            'Each line is {"id", "question", "answerable", "gold", "contains"}.',
        ) from error


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _read_texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is not a list")
    return tuple(map(_read_text, values))


def ask_all(
    questions: Sequence[Labelled], answer: Callable[[Question], Iterator[Event]]
) -> Iterator[Outcome]:
    """Ask every question; ``answer`` is ``Assistant.answer``, wired to show ``DEPTH`` passages."""
    for labelled in questions:
        passages: tuple[Passage, ...] = ()
        for event in answer(labelled.question):
            if isinstance(event, EvidenceFound):
                passages = event.evidence.passages
            elif isinstance(event, Answered):
                yield Outcome(labelled, find_rank(passages, labelled.gold), event.answer)


def find_rank(passages: Sequence[Passage], gold: Sequence[Gold]) -> int:
    """Return the 1-based rank of the first passage that shows a right place, 0 if none does."""
    return next(
        (n for n, passage in enumerate(passages, 1) if any(place.holds(passage) for place in gold)), 0
    )


def compute_figures(outcomes: Sequence[Outcome]) -> Figures:
    """Return the figures of a run."""
    answerable = [outcome for outcome in outcomes if outcome.labelled.answerable]
    refused = [outcome for outcome in outcomes if outcome.answer.refused]
    unanswerable = [outcome for outcome in outcomes if not outcome.labelled.answerable]
    rightly = [outcome for outcome in refused if not outcome.labelled.answerable]
    with_strings = [outcome for outcome in answerable if outcome.labelled.contains]
    return Figures(
        questions=len(outcomes),
        answerable=len(answerable),
        hit_1=_compute_share(sum(o.rank == 1 for o in answerable), answerable),
        hit_3=_compute_share(sum(0 < o.rank <= 3 for o in answerable), answerable),
        hit_5=_compute_share(sum(0 < o.rank <= 5 for o in answerable), answerable),
        mrr=_compute_share(sum(1 / o.rank for o in answerable if o.rank), answerable),
        refusal_precision=_compute_share(len(rightly), refused),
        refusal_recall=_compute_share(len(rightly), unanswerable),
        right=_compute_share(sum(_is_from_right_place(o) for o in answerable), answerable),
        quoted=_compute_share(sum(o.quoted and not o.answer.refused for o in with_strings), with_strings),
    )


def _is_from_right_place(outcome: Outcome) -> bool:
    if outcome.answer.refused:
        return False
    return any(
        place.holds(citation.passage)
        for citation in outcome.answer.citations
        for place in outcome.labelled.gold
    )


def _compute_share(count: float, of: Sequence[object]) -> float:
    return count / len(of) if of else 0.0


def _flatten(text: str) -> str:
    return re.sub(r"[\s|*`]+", " ", text).lower()
