"""Codes, part numbers and names of settings, brought to one spelling: ``E-207``, ``e207`` and ``E 207`` meet.

Used on both sides: the pack's ``identifiers`` column is filled with these, and a question is searched for them.
"""

from __future__ import annotations

import re

from edge.text.words import STOP_WORDS, split_words

_SEPARATORS = re.compile(r"[-_./:\s]+")

# A run without blanks that holds a digit and a letter, or that is joined by underscores or dots: E-207, 6205-2RS,
# ups.conf, battery_charge_low. A trailing full stop or hyphen is punctuation.
# Nine words in ten are letters alone; the look-ahead passes over them four times faster than a test in Python.
_WORD = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z0-9]*[-_./:0-9])[A-Za-z0-9]+(?:[-_./:][A-Za-z0-9]+)*")

# Letters, one blank, digits: "E 207", "DIN 912". Capitals only, or "page 12" would become a code; no "CT 200/5".
_SPACED = re.compile(r"\b([A-Z]{1,4}) (\d{1,5}[A-Za-z]?)\b(?![/.,]\d)")

_DIGIT = re.compile("[0-9]")
_WITH_DIGIT = re.compile("[A-Za-z]|[0-9][-/:_][0-9]|[0-9][.][0-9]+[.][0-9]")
_WITHOUT_DIGIT = re.compile(r"_|[a-z]{2}\.[a-z]{2}")

# Codes whose signs are explained one by one (IP: solids, water; IK: impact), so that no manual lists them all.
_READ_BY_SIGN = re.compile(r"ip[x0-9]{2}[a-z]?|ik[0-9]{2}")

MAX_LENGTH = 40
MIN_CODE = 3


def normalise(code: str) -> str:
    """Return lower case without separators: ``E-207`` becomes ``e207``."""
    return _SEPARATORS.sub("", code).lower()


def find_identifiers(text: str) -> list[str]:
    """Return the normalised codes of a text, in order of their first appearance, without repetitions."""
    return [
        code for code in dict.fromkeys(map(normalise, _find_written(text))) if 2 <= len(code) <= MAX_LENGTH
    ]


def find_named_codes(text: str) -> dict[str, str]:
    """Find the codes of a text that name one thing (``E-207``, ``4711/23-A``, not ``400V``, ``IP65``): normalised, and
    as written.
    """
    found = {normalise(written): written for written in reversed(_find_written(text))}
    return {
        code: found[code]
        for code in find_identifiers(text)
        if (code[0].isalpha() or len(_SEPARATORS.findall(found[code])) > 1)
        and _DIGIT.search(code)
        and len(code) >= MIN_CODE
        and not _READ_BY_SIGN.fullmatch(code)
    }


def _find_written(text: str) -> list[str]:
    return [
        *(match[0] for match in _WORD.finditer(text) if _is_code(match[0])),
        *(match[0] for match in _SPACED.finditer(text)),
    ]


def find_asked_identifiers(text: str) -> list[str]:
    """Return what a question may mean as a code: its codes, and two or three neighbouring words written as one.

    People type "battery charge low" for ``battery.charge.low`` and "e 207" for E-207; spellings that no pack holds
    cost a look-up and find nothing.
    """
    spoken = split_words(text)
    joined = [
        "".join(run)
        for n in (2, 3)
        for run in (spoken[i : i + n] for i in range(len(spoken) - n + 1))
        if STOP_WORDS.isdisjoint(run)
    ]
    return list(dict.fromkeys(find_identifiers(text) + [code for code in joined if len(code) <= MAX_LENGTH]))


def _is_code(word: str) -> bool:
    """Decimal numbers are values, not codes; digits joined otherwise (912-4501, 1:200, 0815_77, 100.200.300) are."""
    return bool((_WITH_DIGIT if _DIGIT.search(word) else _WITHOUT_DIGIT).search(word))
