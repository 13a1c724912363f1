"""What could be quoted: sentences, items, rows and whole procedures of the best passages, each in its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from edge.reading.asked import Asked
from edge.reading.marks import choose_measured, contradicts, read_marks
from edge.text.units import CELL, Unit, split_units
from edge.types import Passage

PASSAGES = 5
"""Passages that are read, of those that were scored."""
MAX_CANDIDATES = 240

Kind = Literal["sentence", "row", "step", "item", "procedure", "list"]

STEP = re.compile(r"^\s*(\d{1,2}[.)]|[a-z][.)]|Step \d+[:.]?)\s+\S")
_ITEM = re.compile(r"^\s*[-•*·–]\s+\S")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that could answer.

    Attributes:
        n: number of its passage, from 1.
        passage: where it stands.
        kind: a sentence, a table row, a step or item of a list, or a whole procedure or list.
        text: as the passage has it; the lines of a procedure or list joined by line breaks.
        spoken: as it is quoted: a row as ``header: cell`` pairs.
        header: the header of its table.
        lead: the line that announces its procedure or list; of a sentence the one before it.
        after: the sentence behind a sentence.
        siblings: the first cells of the other rows of its table.
        line: of its passage, from 0.
        cosine: to the question, the closest where it has several units; None where nothing was compared.
    """

    n: int
    passage: Passage
    kind: Kind
    text: str
    spoken: str
    header: str
    lead: str
    after: str
    siblings: tuple[str, ...]
    line: int
    cosine: float | None

    @property
    def heading(self) -> str:
        """The last heading above it."""
        return self.passage.heading.rsplit(" > ", 1)[-1]

    @property
    def document(self) -> tuple[str, str, str]:
        """Its pack, the version of that, and its document there."""
        return self.passage.pack, self.passage.version, self.passage.document

    @property
    def name(self) -> str:
        """The first cell of its row; empty for all else."""
        return name_row(self.text) if self.kind == "row" else ""


def list_candidates(passages: Sequence[Passage]) -> list[Candidate]:
    """Return everything that can be quoted of these passages, which come best first."""
    found = [c for n, passage in enumerate(passages[:PASSAGES], 1) for c in _list_of_passage(n, passage)]
    return found[:MAX_CANDIDATES]


def is_another_record(asked: Asked, candidate: Candidate) -> bool:
    """Tell whether a row is named after another size, code or value than the question."""
    if candidate.kind != "row" or not asked.values:
        return False
    column = candidate.header.split(CELL, 1)[0]
    return contradicts(asked.values, read_marks(candidate.name, column))


def is_for_another_value(asked: Asked, candidate: Candidate) -> bool:
    """Tell whether the heading is about another value than the question: "at 6 bar", where 8 bar are asked about."""
    return contradicts(choose_measured(asked.values), choose_measured(read_marks(candidate.heading)))


def states_another_value(asked: Asked, candidate: Candidate) -> bool:
    """Tell whether a unit is about another value than the question: a 2.5 mm² ferrule, where 35 mm² are asked about."""
    given = [mark for mark in choose_measured(asked.values) if mark.kind not in asked.quantities]
    return contradicts(tuple(given), choose_measured(read_marks(candidate.text, candidate.header)))


def name_row(text: str) -> str:
    """Return the first cell of a row."""
    return text.split(CELL, 1)[0].strip()


def _list_of_passage(n: int, passage: Passage) -> Iterator[Candidate]:
    units = split_units(passage.text, passage.kind)
    lines = [(line, list(of_line)) for line, of_line in groupby(units, key=lambda unit: unit.line)]
    kinds = [_classify(of_line) for _, of_line in lines]
    tables: dict[str, list[str]] = {}
    for unit in units:
        if unit.kind == "row":
            tables.setdefault(unit.header, []).append(name_row(unit.text))
    lead, members = "", list[list[Unit]]()
    for position, (kind, (_, of_line)) in enumerate(zip(kinds, lines, strict=True)):
        before = lines[position - 1][1] if position else []
        if kind in ("step", "item"):
            if not members:
                lead = before[-1].text if before and before[-1].text.endswith(":") else ""
            members.append(of_line)
            yield _make(n, passage, kind, of_line, lead=lead)
            if position + 1 == len(kinds) or kinds[position + 1] != kind:
                if len(members) > 1:
                    yield _make_group(n, passage, "procedure" if kind == "step" else "list", members, lead)
                members = []
            continue
        for i, unit in enumerate(of_line):
            previous = of_line[i - 1] if i else before[-1] if before else None
            following = of_line[i + 1 :] or (lines[position + 1][1] if position + 1 < len(lines) else [])
            row = unit.kind == "row"
            siblings = tuple(name for name in tables.get(unit.header, ()) if name != name_row(unit.text))
            yield _make(
                n,
                passage,
                "row" if row else "sentence",
                [unit],
                lead=previous.text if previous and not row and previous.kind == "sentence" else "",
                after=following[0].text if following and not row and following[0].kind == "sentence" else "",
                siblings=siblings if row else (),
            )


def _classify(of_line: Sequence[Unit]) -> Kind:
    if of_line[0].kind == "row":
        return "row"
    text = of_line[0].text
    return "step" if STEP.match(text) else "item" if _ITEM.match(text) else "sentence"


def _make(
    n: int,
    passage: Passage,
    kind: Kind,
    units: Sequence[Unit],
    lead: str = "",
    after: str = "",
    siblings: tuple[str, ...] = (),
) -> Candidate:
    cosines = [cosine for unit in units if (cosine := passage.closeness.get(unit.text)) is not None]
    return Candidate(
        n=n,
        passage=passage,
        kind=kind,
        text=" ".join(unit.text for unit in units),
        spoken=" ".join(unit.spoken for unit in units),
        header=units[0].header,
        lead=lead,
        after=after,
        siblings=siblings,
        line=units[0].line,
        cosine=max(cosines, default=None),
    )


def _make_group(
    n: int, passage: Passage, kind: Kind, members: Sequence[Sequence[Unit]], lead: str
) -> Candidate:
    """Make one candidate of all steps of a procedure or items of a list, with the line that announces them."""
    texts = [" ".join(unit.text for unit in of_line) for of_line in members]
    text = "\n".join([lead, *texts] if lead else texts)
    units = [unit for of_line in members for unit in of_line]
    cosines = [cosine for unit in units if (cosine := passage.closeness.get(unit.text)) is not None]
    best = max(cosines, default=None)
    return Candidate(n, passage, kind, text, text, "", lead, "", (), members[0][0].line, best)
