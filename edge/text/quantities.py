"""Kinds of quantity: which of them a question asks for, and which of them a text states. Pure.

"How long does it wait?" is answered by a time; a passage about waiting that holds none does not answer it. The kinds
are data: ``quantities.toml`` beside this module.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from edge.text.measures import read_unit
from edge.text.values import normalise_characters

_NUMBER_BEFORE = re.compile(r"\d\s?$")
_BRACKETED = re.compile(r"[(\[]([^()\[\]]{1,12})[)\]]|,\s*([^,|]{1,12})(?=$|\s\|)")
_HOW_MANY = re.compile(r"\b(?:how many|wie ?viele?|cu[aá]nt[oa]s|combien d[e']) ?([^\W\d_]+)")
_AFTER_NUMBER = re.compile(r"\d[ -]?(?=[^\W\d]|[°%µμΩ\"'])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of quantity: what questions for it say, and what texts that state one without a unit hold."""

    name: str
    asked: re.Pattern[str]
    stated: re.Pattern[str] | None


def find_asked_quantities(question: str) -> frozenset[str]:
    """Return the kinds of quantity that a question asks for, by name. A unit behind a number only says how much."""
    lower = question.lower()
    named = {name_quantity(match[1]) for match in _HOW_MANY.finditer(lower)}
    return frozenset(
        quantity.name
        for quantity in read_quantities().values()
        if quantity.name in named
        or any(not _NUMBER_BEFORE.search(lower[: match.start()]) for match in quantity.asked.finditer(lower))
    )


@lru_cache(20_000)
def find_stated_quantities(text: str) -> frozenset[str]:
    """Return the kinds of quantity that a text states, by numbers with a unit and by units in brackets in a header."""
    even = normalise_characters(text)
    found: set[str] = set()
    for match in _AFTER_NUMBER.finditer(even):
        found |= _name_unit(even, match.end())
    for match in _BRACKETED.finditer(even):
        inside = (match[1] or match[2]).strip()
        unit = read_unit(inside, 0)
        if unit and unit[1] == len(inside):
            found |= _name_unit(inside, 0)
    lower = even.lower()
    found |= {q.name for q in read_quantities().values() if q.stated and q.stated.search(lower)}
    return frozenset(found)


@cache
def read_quantities() -> Mapping[str, Quantity]:
    """Return all kinds of quantity by name."""
    return {
        name: Quantity(
            name,
            re.compile(rf"(?<!\w)(?:{entry['asked']})(?!\w)"),
            re.compile(entry["stated"]) if "stated" in entry else None,
        )
        for name, entry in _read_file().items()
    }


def name_quantity(unit: str) -> str | None:
    """Return the kind of quantity that a unit states; None where it states no certain one."""
    read = read_unit(normalise_characters(unit), 0)
    return _read_units().get(read[0].removesuffix(" AC").removesuffix(" DC")) if read else None


def _name_unit(text: str, start: int) -> set[str]:
    unit = read_unit(text, start)
    name = _read_units().get(unit[0].removesuffix(" AC").removesuffix(" DC")) if unit else None
    return {name} if name else set()


@cache
def _read_units() -> Mapping[str, str]:
    return {unit: name for name, entry in _read_file().items() for unit in entry["units"].split()}


@cache
def _read_file() -> Mapping[str, Mapping[str, str]]:
    loaded: Mapping[str, Mapping[str, str]] = tomllib.loads(
        (files("edge.text") / "quantities.toml").read_text(encoding="utf-8")
    )
    return loaded
