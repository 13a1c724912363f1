"""The limits that a step sets ("tighten to 50 Nm", "between 2 and 3 bar"), and whether a reading keeps them. Pure.

Of doubtful readings none is taken: a value that only describes a tool, or stands in a condition ("if it is above
3 bar"), sets no limit. Units are compared in their one spelling and never converted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from edge.guard.wording import find_bounds, find_ranges
from edge.text.sentences import split_sentences
from edge.text.values import Value, find_values, normalise_characters

Kind = Literal["exactly", "between", "at_least", "at_most", "more_than", "less_than"]
Outcome = Literal["in", "out", "differs", "unknown"]
"""``differs``: from a value that the manual gives without a tolerance. ``unknown``: the two cannot be compared."""

_CONDITION = re.compile(
    r"\b(?:if|when(?:ever)?|in case|unless|^should|wenn|falls|sobald|sollten?|sofern)\b.*?(?=[,;:]\s|$)",
    re.IGNORECASE,
)
_STRICT = re.compile(
    r"(?:\b(?:below|under|above|over|beyond|exceed\w*|unter|über|(?:less|fewer|more|\w{2,}er) than)\W+"
    r"(?:[^\W\d]+ ){0,3}?"
    r"|[<>]\s*)$",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never|no|nicht|nie|kein\w*)\b|n't\b", re.IGNORECASE)
_BETWEEN = re.compile(r"\b(?:between|from|zwischen|von)\s+$", re.IGNORECASE)
_TIGHT_RANGE = re.compile(r"(?<=\d\.\d)-(?=\d+\.\d+\s?[^\W\d])|(?<=\d\.\d\d)-(?=\d+\.\d+\s?[^\W\d])")
"""``0.4-0.6 mm`` could be a code."""
_TOLERANCE = re.compile(r"\s*\(?\s*(?:±|\+/-|\+-)\s*", re.IGNORECASE)
_STANDS_ALONE = re.compile(
    r"\s*(?:$|[.,;:)\]!?±(]|\+/-|(?:and|or|in|at|on|with|for|from|of|to|then|before|after|by|using|while|until|per|via"
    r"|across|between|into|under|over|when|if|und|oder|mit|für|bei|auf|in|vor|nach|an|torque|pressure|clearance|gap"
    r"|minimum|maximum|min|max|or less|or more|Drehmoment|Druck|Spiel)\b|[a-zäöüß]+en\b)"
)
_AMBIGUOUS = re.compile(r"\d,\d{3}(?!\d)")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value has to be. ``text`` is how the page says it; a side without a limit is None.

    ``unit`` has the spelling of `edge.text.measures`.
    """

    text: str
    kind: Kind
    unit: str
    low: Fraction | None
    high: Fraction | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a reading keeps a limit, and a sentence that says so."""

    outcome: Outcome
    said: str


def find_limits(text: str) -> tuple[Limit, ...]:
    """Find the limits that a text sets, in order, each once."""
    found: dict[tuple[object, ...], Limit] = {}
    even = _TIGHT_RANGE.sub(" - ", normalise_characters(text))
    for sentence in split_sentences(even):
        for clause in _CONDITION.sub("", sentence).split("; "):
            for limit in _read_clause(clause):
                found.setdefault((limit.kind, limit.unit, limit.low, limit.high), limit)
    return tuple(found.values())


def judge(limits: Sequence[Limit], reading: str, chosen: int | None = None) -> Judgement:
    """Compare what somebody read off with the limits of a step.

    Args:
        limits: those of the step.
        reading: a number with its unit; without one it has that of the limit.
        chosen: the position of the limit that it is about; None for the one of its unit.
    """
    if not limits:
        return Judgement("unknown", "The page sets no limit for this step.")
    if _AMBIGUOUS.search(normalise_characters(reading)):
        return Judgement("unknown", f"{reading} can be read in two ways: write 1450, or 1.45 with a point.")
    numbers = [read for value in find_values(reading, ordinals=True) if (read := _read_number(value))]
    if len(numbers) != 1:
        return Judgement("unknown", "Write one number with its unit, such as 52 Nm.")
    ((number, unit),) = numbers
    fitting = list(limits) if chosen is None else [limits[chosen]]
    if unit:
        fitting = [limit for limit in fitting if _drop_current(limit.unit) == _drop_current(unit)]
    if not fitting:
        units = " or ".join(dict.fromkeys(limit.unit for limit in limits))
        return Judgement("unknown", f"The page gives this in {units}: write the reading so.")
    if len(fitting) > 1:
        texts = " and ".join(limit.text for limit in fitting)
        return Judgement("unknown", f"The page gives {texts}: say which one was measured.")
    return _compare(fitting[0], number)


def _compare(limit: Limit, number: Fraction) -> Judgement:
    strict_low, strict_high = limit.kind == "more_than", limit.kind == "less_than"
    too_low = limit.low is not None and (number < limit.low or (strict_low and number == limit.low))
    too_high = limit.high is not None and (number > limit.high or (strict_high and number == limit.high))
    if not too_low and not too_high:
        return Judgement("in", f"Within the limit: {limit.text}.")
    side = "below" if too_low else "above"
    if limit.kind == "exactly":
        return Judgement("differs", f"The page gives {limit.text}, without a tolerance; this is {side} it.")
    return Judgement("out", f"Outside the limit: {limit.text}.")


def _read_clause(clause: str) -> Iterator[Limit]:
    values = tuple(find_values(clause))
    bounds, spans = find_bounds(clause, values), list(_locate(clause, values))
    ends = {id(end): pair for pair in find_ranges(clause, values) for end in pair}
    used: set[int] = set()
    for position, (value, start, end) in enumerate(spans):
        read = _read_number(value)
        if read is None or not read[1] or id(value) in used:
            continue
        number, unit = read
        following = spans[position + 1] if position + 1 < len(spans) else None
        if id(value) in ends:
            low, high = ends[id(value)]
            used |= {id(low), id(high)}
            if limit := _make_range(clause, spans, low, high):
                yield limit
        elif following and _TOLERANCE.fullmatch(clause[end : following[1]]):
            used.add(id(following[0]))
            if limit := _make_tolerance(clause[start : following[2]], number, unit, following[0]):
                yield limit
        elif bound := bounds.get(value.form):
            before = clause[spans[position - 1][2] if position else 0 : start]
            strict = bool(_STRICT.search(before)) and not _NOT.search(before)
            kind: Kind = ("more_than" if strict else "at_least") if bound == "lower" else "at_most"
            if strict and bound == "upper":
                kind = "less_than"
            text = f"{_WORDS[kind]} {value.text}"
            yield Limit(text, kind, unit, *((number, None) if bound == "lower" else (None, number)))
        elif unit != "%" and _STANDS_ALONE.match(clause, end):
            yield Limit(value.text, "exactly", unit, number, number)


_WORDS = {"at_least": "at least", "at_most": "at most", "more_than": "more than", "less_than": "less than"}


def _make_range(
    clause: str, spans: Sequence[tuple[Value, int, int]], low: Value, high: Value
) -> Limit | None:
    one, other = _read_number(low), _read_number(high)
    if one is None or other is None or one[0] > other[0]:
        return None
    start = next(start for value, start, _ in spans if value is low)
    end = next(end for value, _, end in spans if value is high)
    before = _BETWEEN.search(clause[:start])
    return Limit(
        clause[before.start() if before else start : end].strip(), "between", other[1], one[0], other[0]
    )


def _make_tolerance(text: str, number: Fraction, unit: str, tolerance: Value) -> Limit | None:
    read = _read_number(tolerance)
    if read is None:
        return None
    width = abs(number) * read[0] / 100 if read[1] == "%" and unit != "%" else read[0]
    if read[1] not in ("%", unit):
        return None
    return Limit(text, "between", unit, number - width, number + width)


def _read_number(value: Value) -> tuple[Fraction, str] | None:
    """Return the number of a value and its unit, which may be empty; None for a code."""
    number, _, unit = value.form.partition(" ")
    try:
        return Fraction(number), unit
    except (ValueError, ZeroDivisionError):
        return None


def _drop_current(unit: str) -> str:
    return unit.removesuffix(" AC").removesuffix(" DC")


def _locate(text: str, values: Sequence[Value]) -> Iterator[tuple[Value, int, int]]:
    """Find where the values stand; one that shares the unit of a later number ends with its own digits."""
    position = 0
    for value in values:
        for written in (value.text, value.text.split()[0]):
            if (start := text.find(written, position)) >= 0:
                position = start + len(written)
                yield value, start, position
                break
