"""What a reader answers to labelled questions, counted: right, harmful, needlessly refused, wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

from edge.reading import reader
from edge.reading.decide import decide
from edge.reading.reader import Network
from edge.types import Answer
from tests.reader.collect import Example


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over questions; ``harmful``: a near value is shown and the answer is not right."""

    questions: int = 0
    right: int = 0
    harmful: int = 0
    needless: int = 0
    wrong: int = 0

    HEAD: ClassVar[str] = (
        f"{'set':24s} {'n':>5s} {'right':>6s} {'harmful':>8s} {'refused needlessly':>19s} {'wrong':>6s}"
    )

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def format_line(self, name: str) -> str:
        """Return the tally as a line of shares."""
        n = self.questions or 1
        return (
            f"{name:24s} {self.questions:5d} {self.right / n:6.3f} {self.harmful / n:8.3f} {self.needless / n:19.3f}"
            f" {self.wrong / n:6.3f}"
        )


def judge(network: Network, examples: Sequence[Example]) -> Tally:
    """Let a network answer, and count."""
    tally = Tally()
    for example in examples:
        tally += judge_answer(example.row, answer(network, example))
    return tally


def answer(network: Network, example: Example) -> Answer:
    """Answer a question with this network, as the assistant does with its own."""
    reading = reader.judge(network, example.search.asked, example.candidates, example.features)
    return decide(reading, example.search.evidence)


def judge_answer(row: dict[str, Any], given: Answer) -> Tally:
    """Judge the answer to one question."""
    expect = row.get("expect") or ("answer" if row["answerable"] else "refuse")
    holds = any(holds_string(given.text, wanted) for wanted in row.get("contains", []))
    near = any(holds_string(given.text, wrong) for wrong in row.get("not", []))
    if expect == "refuse":
        right = given.refused
    elif expect == "answer_or_refuse":
        right = given.refused or holds
    elif expect == "clarify":
        shown = sum(any(holds_string(given.text, s) for s in option) for option in row["options"])
        right = given.mode == "clarify" or (not given.refused and shown > 1)
    else:
        right = holds and not given.refused
    return Tally(
        1,
        int(right),
        int(near and not right and not given.refused),
        int(given.refused and not right),
        int(not right and not given.refused),
    )


def holds_string(text: str, wanted: str) -> bool:
    """Tell whether a text holds a string, as a whole word or number, whatever its case, dashes and blanks."""
    plain, needle = _flatten(text), _flatten(wanted)
    pattern = re.escape(needle)
    if needle[:1].isalnum():
        pattern = r"(?<![\w.,])" + pattern if needle[:1].isdigit() else r"(?<!\w)" + pattern
    if needle[-1:].isalnum():
        pattern += r"(?![\w]|[.,]\d)"
    return bool(needle) and re.search(pattern, plain) is not None


def _flatten(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text)
    text = re.sub(r"\[\d+\]|[*`_]+", "", text)
    return " ".join(text.split()).casefold()
