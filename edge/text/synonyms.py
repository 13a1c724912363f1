"""Words that mean the same: abbreviations as a text explains them, and a publisher's list. Pure.

An abbreviation counts only where its letters are found, in their order, in the words beside it, its first letter at the
beginning of the first of them (Schwartz and Hearst, 2003): "variable frequency drive (VFD)", "VFD: variable frequency
drive", or such a row of a table.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from edge.errors import UsageError
from edge.text.units import CELL
from edge.text.words import split_words

Synonyms = tuple[str, ...]
"""Words or phrases that mean the same."""

MAX_WORDS = 5
"""Of a phrase."""
MAX_PHRASE = 100
"""Characters of a phrase."""
MAX_PHRASES = 20
"""That mean the same."""
MAX_SYNONYMS = 5_000
"""Groups of synonyms of a pack; more abbreviations are left out."""

_SHORT = r"[A-Z][A-Za-z]*[A-Z][A-Za-z]{0,3}"  # two capitals at least
# Words of any length, begun at any letter, would take hours in a line of a million letters.
_BEHIND = re.compile(rf"(?<![\w/-])((?:[\w/-]{{1,40}} ){{1,{MAX_WORDS}}}) ?\(({_SHORT})s?\)")
_BEFORE = re.compile(rf"\b({_SHORT})s? \(([^()\d]{{4,60}})\)")
_EXPLAINED = re.compile(
    rf"^[ \t*_-]*({_SHORT})[*_]*(?:: | [=–-] |{re.escape(CELL)})[*_]*([^.;:|\d]{{4,60}})", re.M
)


def find_abbreviations(text: str) -> Iterator[Synonyms]:
    """Yield the abbreviations that a text explains, each with the words it stands for, in lower case."""
    for match in _BEHIND.finditer(text):
        short = match[2].removesuffix("s")
        if long := _match_end(short, match[1].split()):
            yield short.lower(), long
    for pattern in (_BEFORE, _EXPLAINED):
        for match in pattern.finditer(text):
            short = match[1].removesuffix("s")
            if long := _match_all(short, match[2].split()):
                yield short.lower(), long


def read_synonyms(text: str, name: str) -> list[Synonyms]:
    """Read a list of synonyms: CSV, in each line words or phrases that mean the same.

    Raises:
        UsageError: a line has fewer than two of them, or what is too long; there are too many lines.
    """
    found: list[Synonyms] = []
    for number, row in enumerate(csv.reader(text.removeprefix("\ufeff").splitlines()), 1):
        phrases = tuple(dict.fromkeys(" ".join(cell.lower().split()) for cell in row if cell.strip()))
        if not phrases or phrases[0].startswith("#"):
            continue
        if not 2 <= len(phrases) <= MAX_PHRASES or not all(map(_is_phrase, phrases)):
            raise UsageError(
                f"{name}, line {number}: {','.join(row)[:MAX_PHRASE]}",
                f"Write 2 to {MAX_PHRASES} words or phrases of up to {MAX_WORDS} words and {MAX_PHRASE} characters, "
                "parted by commas.",
            )
        if len(found) == MAX_SYNONYMS:
            raise UsageError(
                f"{name} has more than {MAX_SYNONYMS:,} lines.", "Leave out words that nobody asks for."
            )
        found.append(phrases)
    return list(dict.fromkeys(found))


def _is_phrase(text: str) -> bool:
    return len(text) <= MAX_PHRASE and len(text.split()) <= MAX_WORDS and bool(split_words(text))


def _match_end(short: str, words: Sequence[str]) -> str:
    """Return as many words at the end of these as the letters of an abbreviation stand for; empty if none do."""
    for count in range(1, len(words) + 1):
        if long := _match_all(short, words[-count:]):
            return long
    return ""


def _match_all(short: str, words: Sequence[str]) -> str:
    """Return these words when the letters of an abbreviation stand for them, each beginning with one; else nothing."""
    words = [word.strip(",*_").lower() for word in words]
    letters = short.lower()
    parts = [part for word in words for part in re.split(r"[-/]", word) if part]
    if not 2 <= len(parts) <= MAX_WORDS + 2 or not all(part.isalpha() for part in parts):
        return ""
    long = " ".join(words)
    return long if parts[0][0] == letters[0] and len(long) <= MAX_PHRASE and _spells(letters, parts) else ""


def _spells(letters: str, parts: Sequence[str]) -> bool:
    """Tell whether letters are the beginnings of these words, one or more of each; small words may give none."""
    if not parts:
        return not letters
    first, *rest = parts
    if len(first) <= 3 and _spells(letters, rest):
        return True
    return any(letters[:n] == first[:n] and _spells(letters[n:], rest) for n in range(1, 4) if letters[:n])
