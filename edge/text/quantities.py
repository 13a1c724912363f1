"""Which kind of quantity a question asks for, and whether a text states one. Pure.

"How long does it wait?" is answered by a time; a passage about waiting that holds none does not answer it. A kind is
only named where a question leaves no doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A kind of quantity: what questions for it say, and what texts that state one hold."""

    name: str
    asked: re.Pattern[str]
    stated: re.Pattern[str]


_CUE = (
    r"(?:what(?!\W+(?:if|to|happen\w*|do|does)\b)|which|how much|max\w*|min\w*|rated|nominal|default|allowed|permitted"
    r"|highest|lowest|hottest|coldest|longest|shortest)"
)
_TIMES = "seconds? secs? s minutes? mins? min hours? hrs? h days? weeks? months? years? yrs?"
_PERIOD = "second|minute|hour|day|week|month|year"


def _ask_by_name(noun: str) -> str:
    """How a quantity is asked for by its name: "what is the torque", "torque for"; not "the torque arm is loose"."""
    return rf"{_CUE}(?:\W+\w+){{0,2}}?\W+(?:{noun})|^\W*(?:{noun})\W+(?:of|for)"


def _make_quantity(name: str, asked: str, units: str, otherwise: str = "") -> Quantity:
    """``units`` are patterns of units as they stand behind a number, or in brackets at the head of a column."""
    unit = "|".join(units.split())
    stated = [rf"\d\s*-?\s*(?:{unit})(?!\w)", rf"[(\[](?:{unit})[)\]]", *([otherwise] if otherwise else [])]
    return Quantity(
        name,
        re.compile(rf"(?<!\w)(?:{asked})(?!\w)", re.IGNORECASE),
        re.compile("|".join(stated), re.IGNORECASE),
    )


QUANTITIES = (
    _make_quantity(
        "time",
        r"how (?:long|often|soon|old)|(?:long|short)est (?:time|delay|interval)|warranty period"
        rf"|how many (?:milli)?(?:secs|ms|(?:{_PERIOD})s)|(?:max|in) ms",
        f"{_TIMES} (?:milli|micro)seconds? [mµμ]s times?",
        rf"\b(?:once|twice|every|per|an?|one|two|three|four|five|six|ten|twelve) (?:{_PERIOD})"
        r"|\b(?:dai|week|month|year|annual|hour)ly\b",
    ),
    _make_quantity(
        "mass",
        f"how heavy|heaviest|{_ask_by_name('weight')}",
        "k?g mg lbs? kilos? (?:kilo)?grams? pounds? t tonnes? tons?",
    ),
    _make_quantity(
        "price",
        r"(?:do|does|will|would)(?:\W+\w+){1,4}?\W+cost|how expensive|prices?",
        "usd eur gbp dollars? euros? cents?",
        r"[$€£]\s?\d",
    ),
    _make_quantity(
        "temperature",
        f"how (?:hot|cold|warm)|hottest|coldest|{_ask_by_name('temperature')}",
        r"°[cfk]? ℃ deg(?:rees?)? [cfk]",
    ),
    _make_quantity(
        "length",
        f"how (?:far|deep|wide|thick|high|tall)|(?:long|short)est|{_ask_by_name('distance|length')}",
        '[mckµμ]?m [mk]?met(?:re|er)s? in inch(?:es)? ft foot feet yards? mils? microns? "',
    ),
    _make_quantity(
        "torque", _ask_by_name("torque"), r"[cmk]?n[·⋅]?m (?:ft|in|lbf?|oz)[·⋅-]?(?:ft|in|lbf?|oz)"
    ),
    _make_quantity(
        "voltage",
        rf"how many (?:kilo)?volts|{_ask_by_name('voltage')}",
        r"[mk]?v(?:[ad]c)? (?:milli|kilo)?volts?",
    ),
    _make_quantity(
        "current",
        rf"how many (?:milli)?amps|{_ask_by_name('current')}",
        r"[mkμµ]?a (?:milli)?amp(?:ere)?s?",
    ),
)


def find_asked_quantity(question: str) -> Quantity | None:
    """The kind of quantity that a question asks for; None where it asks for none, or for one of no certain kind."""
    return next((quantity for quantity in QUANTITIES if quantity.asked.search(question)), None)
