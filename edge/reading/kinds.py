"""Which kind or number of a thing is meant: oil-free and oil-injected, 2-wire and 4-wire, code 98 and code 99. Pure.

What bears another name of that sort is another thing, whatever else agrees. The words are data: ``kinds``, ``without``
and ``limits`` in ``languages/*.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

from edge.reading.asked import read_cues
from edge.reading.candidates import Candidate
from edge.text.measures import read_unit
from edge.text.units import CELL
from edge.text.values import normalise_characters
from edge.text.words import STOP_WORDS

Compound = tuple[str, str]
Range = tuple[Fraction, Fraction]
Numbered = Mapping[str, tuple[Range, ...]]

_FIGURE = r"\d{1,5}(?:\.\d+)?"
_JOINER = r"\s?(?:,|/|-|\band\b|\bor\b|\bto\b|\bund\b|\boder\b|\bbis\b)\s?"
_NUMBERED = re.compile(
    r"\b(?P<noun>[^\W\d_]{3,}?)s?[ -](?:(?:no|nr|number|of|is)\b\.? ?|[=#] ?)?"
    rf"(?P<numbers>{_FIGURE}(?:{_JOINER}{_FIGURE})*)(?![\w%])"
)
_RANGE = re.compile(r"-|\bto\b|\bbis\b")
_BEFORE = 24
"""Letters before a noun in which a word makes its number a limit: "before serial number 2140"."""
_COUNTED = dict(zip("single double two three four six ein zwei drei vier".split(), "1223461234", strict=True))


def is_another_kind(question: str, candidate: Candidate) -> bool:
    """Tell whether a unit is about another kind or number of a thing than a question; one that names both is not."""
    kinds, numbered = _find_kinds(question.lower()), _find_numbered(question.lower())
    if not (kinds or numbered):
        return False
    column = candidate.header.split(CELL, 1)[0]
    place = f"{candidate.heading}. {candidate.spoken}. {column} {candidate.name}".lower()
    return _excludes_kind(kinds, _find_kinds(place)) or _excludes_number(numbered, _find_numbered(place))


def _excludes_kind(asked: frozenset[Compound], named: frozenset[Compound]) -> bool:
    return any(_exclude(kind, other) for kind in asked - named for other in named)


def _excludes_number(asked: Numbered, named: Numbered) -> bool:
    return any(
        not any(low <= number <= high for low, high in named[noun] for number, _ in ranges)
        for noun, ranges in asked.items()
        if noun in named
    )


@lru_cache(20_000)
def _find_kinds(text: str) -> frozenset[Compound]:
    """Find the compounds that name a kind, each as its two parts."""
    matches = read_cues("says")["kinds"].finditer(text)
    parts = ([part for part in match.groups() if part] for match in matches)
    return frozenset((_COUNTED.get(first, first), second) for first, second in parts)


def _exclude(kind: Compound, other: Compound) -> bool:
    """Tell whether two compounds exclude each other: another first part, or "free" of what the other has."""
    without = read_cues("says")["without"]
    free, other_free = bool(without.fullmatch(kind[1])), bool(without.fullmatch(other[1]))
    if kind[0] == other[0]:
        return free != other_free
    return kind[1] == other[1] and not free


@lru_cache(20_000)
def _find_numbered(text: str) -> Numbered:
    """Find the nouns that a number names one of, each with its numbers; a measured value or a limit names nothing."""
    plain, limits = normalise_characters(text), read_cues("says")["limits"]
    found: dict[str, tuple[Range, ...]] = {}
    for match in _NUMBERED.finditer(plain):
        behind = match.end() + plain.startswith(" ", match.end())
        limited = limits.search(plain[max(0, match.start() - _BEFORE) : match.start()])
        if match["noun"] in STOP_WORDS or limited or read_unit(plain, behind):
            continue
        numbers = [Fraction(number) for number in re.findall(_FIGURE, match["numbers"])]
        ranges = (
            [(min(numbers), max(numbers))]
            if _RANGE.search(match["numbers"])
            else [(number, number) for number in numbers]
        )
        found[match["noun"]] = (*found.get(match["noun"], ()), *ranges)
    return found
