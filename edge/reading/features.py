"""What speaks for a unit and what against it, as numbers that mean the same in every pack. Pure.

None of them compares a unit with what else was found far below it, so that a pack of one page is judged like one of a
thousand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.reading.asked import Asked, find_marks, read_cues
from edge.reading.candidates import Candidate, is_another_record
from edge.reading.marks import contradicts, read_marks
from edge.text.quantities import find_stated_quantities
from edge.text.units import CELL
from edge.text.words import STOP_WORDS, Stems

Floats = NDArray[np.float64]

_VALUE = re.compile(r"(?<![\w.,-])[+±-]?\d+(?:[.,]\d+)*")
_NUMBERING = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)

UNIT_FEATURES = (
    "coverage", "coverage with header", "coverage with heading", "coverage with all headings", "coverage of passage",
    "coverage of heading", "precision", "precision of heading", "precision of name", "coverage of name",
    "cosine", "cosine below best", "score below best", "first passage", "rank of passage",
    "marks in unit", "marks in passage alone", "marks nowhere", "asks marks", "another record", "other codes",
    "name agrees", "better sibling",
    "row", "step", "item", "procedure", "list", "lead-in", "length", "refers back", "first line", "values",
    "value and number", "value and no number", "quantity stated", "quantity not stated",
    "decision and decides", "decision and forbids", "forbids", "definition and defines", "definition and name",
    "reason and explains", "time and times", "place and places", "steps and procedure", "steps and step",
    "procedure unasked", "symptom and procedure", "symptom and row", "cause and remedies", "list and list",
    "known but unmet", "known but unmet in passage", "more with sentence before", "more with sentence behind",
    "name is asked", "heading is asked", "value and row", "decision and row", "short",
)  # fmt: skip
QUESTION_FEATURES = (
    "unknown", "lacking", "codes nowhere", "marks nowhere", "value", "quantity", "quantity nowhere", "decision",
    "definition", "steps", "words", "best cosine", "best coverage", "best coverage of unit", "best of both",
    "no cosine", "symptom",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Features:
    """The numbers of one question.

    Attributes:
        units: a row for each candidate, shape ``(n, len(UNIT_FEATURES))``.
        question: of the question as a whole, shape ``(len(QUESTION_FEATURES),)``.
    """

    units: Floats
    question: Floats


def read_features(asked: Asked, candidates: Sequence[Candidate]) -> Features:
    """Read the features of a question and of every unit that could answer it."""
    reader = _Reader(asked, candidates)
    units = np.array([reader.read(candidate) for candidate in candidates], dtype=np.float64)
    return Features(units.reshape(len(candidates), len(UNIT_FEATURES)), reader.read_question(units))


class _Reader:
    """Reads one question against its candidates; what several units share is computed once."""

    def __init__(self, asked: Asked, candidates: Sequence[Candidate]) -> None:
        self._asked = asked
        self._stems = Stems()
        self._cache: dict[str, frozenset[str]] = {}
        self._near: Mapping[str, Mapping[str, float]] = {
            stem: {stem: 1.0} | dict(asked.related.get(stem, {})) for stem in asked.weights
        }
        self._targets: dict[str, float] = {}
        for near in self._near.values():
            for stem, closeness in near.items():
                self._targets[stem] = max(closeness, self._targets.get(stem, 0.0))
        self._known = {stem: w for stem, w in asked.weights.items() if stem not in asked.unknown}
        self._marks_of = {
            id(c.passage): find_marks(f"{c.passage.heading}\n{c.passage.text}") for c in candidates
        }
        cosines = [c.cosine for c in candidates]
        self._best_cosine = max((cosine for cosine in cosines if cosine is not None), default=None)
        self._best_score = max((c.passage.score for c in candidates), default=0.0)
        self._says = read_cues("says")
        self._candidates = candidates

    def read(self, c: Candidate) -> list[float]:
        """Return the features of a candidate, in the order of ``UNIT_FEATURES``."""
        asked, cues, says = self._asked, self._asked.cues, self._says
        lower = c.spoken.lower()
        unit = self._stem(c.text)
        with_header = unit | self._stem(c.header)
        head = self._stem(c.heading)
        with_head = with_header | head
        everything = with_head | self._stem(c.passage.heading) | self._stem(c.passage.title)
        passage = everything | self._stem(c.passage.text)
        name = self._stem(c.name) if c.name else frozenset()
        covered = self._cover(unit)
        precision_name, precision_head = self._compute_precision(name), self._compute_precision(head)
        cover_name, cover_head = self._cover(name), self._cover(head)
        cosine = c.cosine or 0.0
        marks = asked.marks
        own = find_marks(c.text) | find_marks(c.header) if marks else frozenset()
        elsewhere = self._marks_of[id(c.passage)]
        share = 1 / len(marks) if marks else 0.0
        name_marks = read_marks(c.name, c.header.split(CELL, 1)[0]) if c.name and marks else ()
        asked_codes = tuple(mark for mark in asked.values if mark.code)
        values = len(_VALUE.findall(c.text.replace(c.name, "", 1) if c.name else _NUMBERING.sub("", c.text)))
        stated = bool(asked.quantities) and bool(
            asked.quantities & (find_stated_quantities(c.text) | find_stated_quantities(c.header))
        )
        is_row, is_procedure = c.kind == "row", c.kind == "procedure"
        own_name = self._score_name(c.name) if c.siblings else 0.0
        forbids = bool(says["forbids"].search(lower))
        words = len(c.text.split())
        return [
            covered,
            self._cover(with_header),
            self._cover(with_head),
            self._cover(everything),
            self._cover(passage),
            cover_head,
            self._compute_precision(unit),
            precision_head,
            precision_name,
            cover_name,
            cosine,
            (self._best_cosine or 0.0) - cosine,
            self._best_score - c.passage.score,
            float(c.n == 1),
            math.log(c.n),
            len(marks & own) * share,
            len((marks & elsewhere) - own) * share,
            len(marks - elsewhere - own) * share,
            float(bool(marks)),
            float(is_another_record(asked, c)),
            float(bool(marks) and contradicts(asked_codes, tuple(m for m in read_marks(c.text) if m.code))),
            float(
                bool(name_marks)
                and any(a.agrees(b) and a.kind == b.kind for a in asked.values for b in name_marks)
            ),
            max((self._score_name(name) for name in c.siblings), default=0.0) - own_name,
            float(is_row),
            float(c.kind == "step"),
            float(c.kind == "item"),
            float(is_procedure),
            float(c.kind == "list"),
            float(c.text.rstrip().endswith(":")),
            math.log(words + 1) / 4,
            float(bool(says["refers"].match(lower))),
            float(c.line == 0),
            min(values, 4) / 4,
            float("value" in cues and values > 0),
            float("value" in cues and values == 0),
            float(stated),
            float(bool(asked.quantities) and not stated),
            float("decision" in cues and bool(says["decides"].search(lower))),
            float("decision" in cues and forbids),
            float(forbids),
            float("definition" in cues and bool(says["defines"].search(lower))),
            float("definition" in cues) * precision_name,
            float("reason" in cues and bool(says["explains"].search(lower))),
            float("time" in cues and bool(says["times"].search(lower))),
            float("place" in cues and bool(says["places"].search(lower))),
            float("steps" in cues and is_procedure),
            float("steps" in cues and c.kind == "step"),
            float("steps" not in cues and is_procedure),
            float("symptom" in cues and is_procedure),
            float("symptom" in cues and is_row),
            float("cause" in cues and is_row and bool(says["remedies"].search(c.header.lower()))),
            float("list" in cues and c.kind == "list"),
            self._weigh_unmet(everything),
            self._weigh_unmet(passage),
            self._cover(unit | self._stem(c.lead)) - covered if c.lead else 0.0,
            self._cover(unit | self._stem(c.after)) - covered if c.after else 0.0,
            precision_name * cover_name,
            precision_head * cover_head,
            float("value" in cues and is_row),
            float("decision" in cues and is_row),
            float(words < 7 and not is_row),
        ]

    def read_question(self, units: Floats) -> Floats:
        """Return the features of the question as a whole, in the order of ``QUESTION_FEATURES``."""
        asked = self._asked
        everywhere = frozenset[str]().union(*self._marks_of.values())
        column = {name: i for i, name in enumerate(UNIT_FEATURES)}

        def find_best(name: str) -> float:
            return float(units[:, column[name]].max()) if len(units) else 0.0

        unknown = sum(weight for stem, weight in asked.weights.items() if stem in asked.unknown)
        lacking = sum(
            weight * (1 - max(asked.related.get(stem, {}).values(), default=0.0))
            for stem, weight in asked.weights.items()
            if stem in asked.unknown
        )
        nowhere = bool(asked.quantities) and not (len(units) and units[:, column["quantity stated"]].any())
        return np.array(
            [
                unknown,
                lacking,
                len(asked.codes - everywhere) / max(len(asked.codes), 1),
                len(asked.marks - everywhere) / max(len(asked.marks), 1),
                float("value" in asked.cues),
                float(bool(asked.quantities)),
                float(nowhere),
                float("decision" in asked.cues),
                float("definition" in asked.cues),
                float("steps" in asked.cues),
                min(len(asked.weights), 12) / 12,
                find_best("cosine"),
                find_best("coverage with all headings"),
                find_best("coverage"),
                float((units[:, column["coverage with heading"]] * units[:, column["cosine"]]).max())
                if len(units)
                else 0.0,
                float(self._best_cosine is None),
                float("symptom" in asked.cues),
            ]
        )

    def _stem(self, text: str) -> frozenset[str]:
        if text not in self._cache:
            self._cache[text] = frozenset(self._stems.split(text))
        return self._cache[text]

    def _cover(self, stems: frozenset[str]) -> float:
        """Return the share of the question's weight that these stems hold; a near meaning counts in part."""
        if not stems:
            return 0.0
        return sum(
            weight * max((near[stem] for stem in near.keys() & stems), default=0.0)
            for near, weight in zip(self._near.values(), self._asked.weights.values(), strict=True)
        )

    def _weigh_unmet(self, stems: frozenset[str]) -> float:
        """Return the weight of words that the packs know and these stems lack."""
        return sum(
            weight * (1 - max((self._near[stem][s] for s in self._near[stem].keys() & stems), default=0.0))
            for stem, weight in self._known.items()
        )

    def _compute_precision(self, stems: frozenset[str]) -> float:
        """Return the share of these stems that the question asks about."""
        content = [stem for stem in stems if stem not in STOP_WORDS]
        if not content:
            return 0.0
        marks = self._asked.marks
        held = sum(1.0 if stem in marks else self._targets.get(stem, 0.0) for stem in content)
        return held / len(content)

    def _score_name(self, name: str) -> float:
        """Return how well a row's name fits the question: its words and its numbers and codes."""
        marks = self._asked.marks
        fit = len(marks & find_marks(name)) / len(marks) if marks else 0.0
        return self._cover(self._stem(name)) + fit
