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

SHORT = 7
"""A sentence of fewer words says little."""

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
        values = {**self._read_words(c), **self._read_values(c), **self._read_kind(c)}
        return [float(values[name]) for name in UNIT_FEATURES]

    def _read_words(self, c: Candidate) -> dict[str, float]:
        """Read how well its words and those around it meet the question's, and how it was found."""
        unit = self._stem(c.text)
        with_header = unit | self._stem(c.header)
        head = self._stem(c.heading)
        with_head = with_header | head
        everything = with_head | self._stem(c.passage.heading) | self._stem(c.passage.title)
        passage = everything | self._stem(c.passage.text)
        name = self._stem(c.name) if c.name else frozenset()
        covered, of_head, of_name = self._cover(unit), self._cover(head), self._cover(name)
        precision_head, precision_name = self._compute_precision(head), self._compute_precision(name)
        cosine = c.cosine or 0.0
        return {
            "coverage": covered,
            "coverage with header": self._cover(with_header),
            "coverage with heading": self._cover(with_head),
            "coverage with all headings": self._cover(everything),
            "coverage of passage": self._cover(passage),
            "coverage of heading": of_head,
            "coverage of name": of_name,
            "precision": self._compute_precision(unit),
            "precision of heading": precision_head,
            "precision of name": precision_name,
            "definition and name": ("definition" in self._asked.cues) * precision_name,
            "cosine": cosine,
            "cosine below best": (self._best_cosine or 0.0) - cosine,
            "score below best": self._best_score - c.passage.score,
            "first passage": c.n == 1,
            "rank of passage": math.log(c.n),
            "known but unmet": self._weigh_unmet(everything),
            "known but unmet in passage": self._weigh_unmet(passage),
            "more with sentence before": self._cover(unit | self._stem(c.lead)) - covered if c.lead else 0.0,
            "more with sentence behind": self._cover(unit | self._stem(c.after)) - covered
            if c.after
            else 0.0,
            "name is asked": precision_name * of_name,
            "heading is asked": precision_head * of_head,
        }

    def _read_values(self, c: Candidate) -> dict[str, float]:
        """Read whether its numbers, codes and quantities are those of the question."""
        asked, marks = self._asked, self._asked.marks
        own = find_marks(c.text) | find_marks(c.header) if marks else frozenset()
        elsewhere = self._marks_of[id(c.passage)]
        share = 1 / len(marks) if marks else 0.0
        of_name = read_marks(c.name, c.header.split(CELL, 1)[0]) if c.name and marks else ()
        codes = tuple(mark for mark in asked.values if mark.code)
        own_codes = tuple(mark for mark in read_marks(c.text) if mark.code) if marks else ()
        values = len(_VALUE.findall(c.text.replace(c.name, "", 1) if c.name else _NUMBERING.sub("", c.text)))
        stated = bool(
            asked.quantities & (find_stated_quantities(c.text) | find_stated_quantities(c.header))
            if asked.quantities
            else ()
        )
        own_name = self._score_name(c.name) if c.siblings else 0.0
        return {
            "marks in unit": len(marks & own) * share,
            "marks in passage alone": len((marks & elsewhere) - own) * share,
            "marks nowhere": len(marks - elsewhere - own) * share,
            "asks marks": bool(marks),
            "another record": is_another_record(asked, c),
            "other codes": bool(marks) and contradicts(codes, own_codes),
            "name agrees": any(a.agrees(b) and a.kind == b.kind for a in asked.values for b in of_name),
            "better sibling": max((self._score_name(name) for name in c.siblings), default=0.0) - own_name,
            "values": min(values, 4) / 4,
            "value and number": "value" in asked.cues and values > 0,
            "value and no number": "value" in asked.cues and values == 0,
            "quantity stated": stated,
            "quantity not stated": bool(asked.quantities) and not stated,
        }

    def _read_kind(self, c: Candidate) -> dict[str, float]:
        """Read what kind of unit it is and what it does, beside what the question wants."""
        cues, lower, words = self._asked.cues, c.spoken.lower(), len(c.text.split())
        row, procedure = c.kind == "row", c.kind == "procedure"

        def says(what: str) -> bool:
            return bool(self._says[what].search(lower))

        forbids = says("forbids")
        remedies = row and bool(self._says["remedies"].search(c.header.lower()))
        return {
            "row": row,
            "step": c.kind == "step",
            "item": c.kind == "item",
            "procedure": procedure,
            "list": c.kind == "list",
            "lead-in": c.text.rstrip().endswith(":"),
            "length": math.log(words + 1) / 4,
            "short": words < SHORT and not row,
            "refers back": bool(self._says["refers"].match(lower)),
            "first line": c.line == 0,
            "forbids": forbids,
            "decision and forbids": "decision" in cues and forbids,
            "decision and decides": "decision" in cues and says("decides"),
            "decision and row": "decision" in cues and row,
            "definition and defines": "definition" in cues and says("defines"),
            "reason and explains": "reason" in cues and says("explains"),
            "time and times": "time" in cues and says("times"),
            "place and places": "place" in cues and says("places"),
            "steps and procedure": "steps" in cues and procedure,
            "steps and step": "steps" in cues and c.kind == "step",
            "procedure unasked": "steps" not in cues and procedure,
            "symptom and procedure": "symptom" in cues and procedure,
            "symptom and row": "symptom" in cues and row,
            "cause and remedies": "cause" in cues and remedies,
            "list and list": "list" in cues and c.kind == "list",
            "value and row": "value" in cues and row,
        }

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
