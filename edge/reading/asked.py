"""A question as reading sees it: what it asks for, and what each of its words weighs. Pure.

Cues are regular expressions in ``languages/*.toml``, so that another language is another file.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from edge.reading.marks import Mark, read_marks
from edge.retrieval.query import Query
from edge.text.identifiers import find_identifiers, find_named_codes
from edge.text.quantities import find_asked_quantities
from edge.text.values import find_values

LANGUAGES = ("en", "de")

PACK_SHARE = 0.5
"""Share of the packs' own word counts in the weight of a word; the rest is how rare it is in general English. A pack of
one page cannot tell a rare word from a common one."""

RARE = 3000
"""Rank of words that are not among the common ones."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart.

    Attributes:
        text: as it was asked.
        weights: of its stems, numbers left out; they add up to 1.
        unknown: stems that no chunk searched holds.
        related: stems that mean about the same as an asked one, with their closeness (0 to 1).
        marks: its numbers and codes, normalised.
        values: the same with their kinds, to be compared.
        codes: those of its codes that can be no value.
        cues: names of the cues it shows (``steps``, ``value``, ``decision`` …).
        quantities: names of the kinds of quantity it asks for (``torque``, ``time`` …).
    """

    text: str
    weights: Mapping[str, float]
    unknown: frozenset[str]
    related: Mapping[str, Mapping[str, float]]
    marks: frozenset[str]
    values: tuple[Mark, ...]
    codes: frozenset[str]
    cues: frozenset[str]
    quantities: frozenset[str]


def analyse(text: str, query: Query) -> Asked:
    """Take a question apart.

    Args:
        text: the question, standing alone.
        query: its words as they were searched for.
    """
    lower = text.lower().strip()
    quantities = find_asked_quantities(text)
    raw = {stem: _weigh(stem, idf, query) for stem, idf in query.words.items() if not stem.isdigit()}
    total = sum(raw.values()) or 1.0
    return Asked(
        text=text,
        weights={stem: weight / total for stem, weight in raw.items()},
        unknown=query.unknown,
        related=query.related,
        marks=find_marks(text),
        values=read_marks(text),
        codes=frozenset(find_named_codes(text)),
        cues=_find_cues(lower, quantities),
        quantities=quantities,
    )


@lru_cache(20_000)
def find_marks(text: str) -> frozenset[str]:
    """Return the numbers, without their units, and the codes of a text, normalised."""
    forms = (value.form.split(" ", 1)[0] for value in find_values(text, ordinals=True))
    return frozenset(forms).union(find_identifiers(text))


@cache
def read_cues(kind: str) -> Mapping[str, re.Pattern[str]]:
    """Return the cues of a kind (``asks``, ``says``) by name, all languages together."""
    parts: dict[str, list[str]] = {}
    for language in LANGUAGES:
        text = (files("edge.reading") / "languages" / f"{language}.toml").read_text(encoding="utf-8")
        for name, pattern in tomllib.loads(text)[kind].items():
            parts.setdefault(name, []).append(pattern)
    return {name: re.compile("|".join(patterns)) for name, patterns in parts.items()}


def _find_cues(lower: str, quantities: frozenset[str]) -> frozenset[str]:
    """Return the cues of a question; one that only tells what is seen asks what to do about it: ``symptom``."""
    found = {name for name, pattern in read_cues("asks").items() if pattern.search(lower)}
    if quantities:
        found.add("value")
    return frozenset(found if found - {"cause", "choice"} else {*found, "symptom"})


def _weigh(stem: str, idf: float, query: Query) -> float:
    rarest = max(query.weights.values(), default=1.0) or 1.0
    general = math.log1p(_read_ranks().get(stem, RARE) / 50) / math.log1p(RARE / 50)
    return PACK_SHARE * idf / rarest + (1 - PACK_SHARE) * general


@cache
def _read_ranks() -> Mapping[str, int]:
    """Return the rank of each common stem of English, counted from 0."""
    text = (files("edge.reading") / "common_stems.txt").read_text(encoding="utf-8")
    return {stem: rank for rank, stem in enumerate(text.split())}
