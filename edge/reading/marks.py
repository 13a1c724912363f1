"""Numbers and codes as marks that can be compared: ``M10`` with ``M12``, ``38 deg`` with ``30 to 45 °C``. Pure.

What tells one row from the next must agree exactly: a row for another size, code or temperature is another record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from edge.text.measures import read_bracketed_unit
from edge.text.quantities import name_quantity
from edge.text.values import find_values, normalise_characters

_CODE = re.compile(r"([a-z]+)(\d.*)")
_RANGE = re.compile(r"(?<=\d)[^\d|;,.]{0,8}?(?:-|\bto\b|\.\.|\bbis\b)\s?(?=[+-]?\d)")


@dataclass(frozen=True, slots=True)
class Mark:
    """A number or code.

    Attributes:
        kind: what it can be compared with: a kind of quantity, the letters of a code, or ``number``.
        low, high: the number, or both ends of a range.
        code: the whole code; empty for a number.
    """

    kind: str
    low: Fraction
    high: Fraction
    code: str = ""

    def agrees(self, other: Mark) -> bool:
        """Tell whether it is the same code or number, or a number within the other's range."""
        if self.code or other.code:
            return self.code == other.code
        return other.low <= self.low <= other.high or self.low <= other.low <= self.high


@lru_cache(20_000)
def read_marks(text: str, header: str = "") -> tuple[Mark, ...]:
    """Read the marks of a text; a bare number has the unit that stands in brackets in the ``header`` of its column."""
    unit = read_bracketed_unit(normalise_characters(header).strip())
    marks = [mark for value in find_values(text, ordinals=True) if (mark := _make(value.form, unit))]
    return tuple(_join_ranges(normalise_characters(text), marks))


def contradicts(asked: tuple[Mark, ...], named: tuple[Mark, ...]) -> bool:
    """Tell whether a name holds marks of a kind that is asked about, and none of them agrees."""
    kinds = {mark.kind for mark in asked} & {mark.kind for mark in named}
    return any(
        not any(a.agrees(b) for a in asked if a.kind == kind for b in named if b.kind == kind)
        for kind in kinds
    )


def choose_measured(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Choose the marks that are numbers with a unit."""
    return tuple(mark for mark in marks if not mark.code and mark.kind != "number")


def _make(form: str, unit: str) -> Mark | None:
    number, _, own = form.partition(" ")
    own = own or unit
    value = _parse(number)
    if value is not None:
        kind = name_quantity(own) if own else "number"
        return Mark(kind or own, value, value)
    code = _CODE.match(form.replace(" ", ""))
    return Mark(code[1], Fraction(0), Fraction(0), form) if code else None


def _parse(number: str) -> Fraction | None:
    try:
        return Fraction(number)
    except (ValueError, ZeroDivisionError):
        return None


def _join_ranges(text: str, marks: list[Mark]) -> list[Mark]:
    """Join two numbers of a kind to a range where the text writes one."""
    if len(marks) < 2 or not _RANGE.search(text):
        return marks
    joined = [marks[0]]
    for mark in marks[1:]:
        last = joined[-1]
        if not (mark.code or last.code) and mark.kind == last.kind and last.low == last.high < mark.low:
            joined[-1] = Mark(mark.kind, last.low, mark.high)
        else:
            joined.append(mark)
    return joined
