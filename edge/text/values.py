"""Finds what must not be wrong in a technical text: numbers with their units, codes, part numbers, dates, versions.

Each value gets a form in which two spellings of the same thing are equal: ``1,450 rpm`` and ``1450 r/min``, ``E 207``
and ``E-207``. Of doubtful readings the narrower one is taken: a right value may be missed, a wrong one not passed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from edge.text.measures import read_unit

MAX_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it stands in the text.

    ``form`` is what a passage must prove. ``proves`` is what the value proves when it stands in a passage: ``25 Nm``
    proves 25 as well, and ``230 V AC`` proves 230 V.
    """

    text: str
    form: str
    proves: frozenset[str]


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–−﹣－", "-"),
        **dict.fromkeys("″”“", '"'),
        **dict.fromkeys("′’‘", "'"),
        "×": "x",
        "⁄": "/",
    }
)
_RAISED = re.compile(r"(?<=\d)[⁻⁰¹²³⁴-⁹]+")
_VULGAR = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")


def normalise_characters(text: str) -> str:
    """Give characters one spelling: NFKC, ASCII digits, plain dashes and quotes; ``10⁶`` as ``10^6``, ``1½`` as two."""
    if text.isascii():
        return text
    text = _RAISED.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = unicodedata.normalize("NFKC", _VULGAR.sub(" ", text)).translate(_PLAIN)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


_DENOMINATOR = r"(?:2|3|4|8|16|32|64)(?![\d/.,]*\d)"
_NUMBER = re.compile(
    rf"""
    (?P<sign>(?<![\w)\]%°"'^])[+-](?=[\d.]))?
    (?: (?P<whole>\d{{1,3}})[ -](?P<part>\d{{1,2}}/{_DENOMINATOR})
      | (?P<fraction>\d{{1,2}}/{_DENOMINATOR})
      | (?P<grouped>[1-9]\d{{0,2}}(?:,\d{{3}})+(?![\d,])(?:\.\d+)? | [1-9]\d{{0,2}}(?:'\d{{3}})+(?!\d)
          | [1-9]\d?(?:[ ]\d{{3}})+(?!\d))
      | (?P<plain>\d+(?:[.,]\d+)?(?:e[+-]?\d+)? | (?<!\.)\.\d+)
    )
    (?P<power>\^-?\d+)?
    """,
    re.VERBOSE,
)
_WITH_SEPARATORS = re.compile(  # dates, times, ratios, addresses, versions of three parts
    r"(?:\d+(?:[.:-]\d+){2,}|\d+(?::\d+)+|\d{1,2}/\d{1,2}/\d{2,4})(?![^\W_])(?![.:/-]\d)"
)
_LONG_PAIR = re.compile(r"(\d+)-(\d+)(?![\w/])(?!\.\d)")
_VERSION = re.compile(
    r"(?:versions?|v|ver\.?|firmware|revision|rev\.?)\s?(\d+(?:\.\d+)*[a-z]?)\b", re.IGNORECASE
)
_PAGE = re.compile(r"(?:pages?|p\.|pp\.)\s?(\d+)\b", re.IGNORECASE)
_CODE = re.compile(
    r"(?:[^\W_]*\d[^\W_]*|[^\W\d_]+)"
    r"(?:(?:[-_]|(?<=\d)[./](?=[^\W_]*\d))(?:[^\W_]*\d[^\W_]*|[A-Z]+(?![^\W_])))*"
)
_SPACED_CODE = re.compile(r"([A-Z]{1,4}) (\d{1,5}[A-Za-z]?)(?![\w])(?![.,:/-]\d)")
_NO_CODE = frozenset(
    "A I AN IN TO AT OF ON OR BY NO AC DC IS IF MAX MIN UP SET THE AND FOR ALL USE NOT".split()
)
_START = re.compile(r"(?<![^\W_])(?:[^\W_]|[+-]?\d|(?<!\.)[+-]?\.\d)")
_QUOTATION = re.compile(r"(?:^|[\s(=:])([\"'])(?:(?!\1).)+$")
_RANGE = re.compile(r"\s?(?:-|to|\.\.\.?|up to|through|until|and|or|/|±|\+/-)\s?")
_ORDINAL = re.compile(
    r"\s*(?:[-*•]\s+)?(?:step\s+\d{1,2}\b[.:)]?|\(?\d{1,2}[.)](?=\s)|\d{1,2}:(?=\s))", re.IGNORECASE
)
_GAP = re.compile(r"(?: |-(?=[A-Za-z]))?")
_SEPARATORS = re.compile(r"[-_/ ]")


def find_values(text: str, *, ordinals: bool = False) -> list[Value]:
    """Return all values of a text in order; the numbers that lines of a list begin with only if asked for."""
    found: list[Value] = []
    for line in normalise_characters(text).splitlines():
        ordinal = None if ordinals else _ORDINAL.match(line)
        tokens = list(_read_tokens(line, ordinal.end() if ordinal else 0))
        _share_units(line, tokens)
        found += [token.to_value(line) for token in tokens]
    return found


def normalise_number(text: str) -> str:
    """Return the form of a bare number: ``1,450`` and ``1450.0`` are ``1450``; what is no number stays as it is."""
    text = text.replace("'", "").replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text) and not text.lstrip("+-").startswith("0"):
        text = text.replace(",", "")
    try:
        return str(Fraction(text.replace(",", "."))) if len(text) <= MAX_DIGITS else text
    except (ValueError, ZeroDivisionError):
        return text


@dataclass(slots=True)
class _Token:
    """Something found in a line: a number, whose unit may only come with a later number, or a code."""

    start: int
    end: int
    code: str = ""
    number: str = ""
    unit: str = ""
    shares_unit: bool = False

    def to_value(self, line: str) -> Value:
        text = line[self.start : self.end]
        if not self.number:
            return Value(text, self.code, frozenset({self.code}))
        if self.code:  # a code that may also be read as a number: E 207
            return Value(text, self.code, frozenset({self.code, self.number}))
        if not self.unit:
            return Value(text, self.number, frozenset({self.number}))
        form = f"{self.number} {self.unit}"
        general = f"{self.number} {self.unit.removesuffix(' AC').removesuffix(' DC')}"
        return Value(
            f"{text} {self.unit}" if self.shares_unit else text, form, frozenset({form, general, self.number})
        )


def _read_tokens(line: str, position: int) -> Iterator[_Token]:
    while start := _START.search(line, position):
        token = next((t for read in _READERS if (t := read(line, start.start()))), None)
        if token:
            yield token
            position = token.end
        else:
            position = _skip_word(line, start.end())


def _share_units(line: str, tokens: list[_Token]) -> None:
    """``4 to 20 mA`` has one unit for two numbers."""
    for token, following in zip(reversed(tokens[:-1]), reversed(tokens), strict=False):
        both_numbers = token.number and following.number and not (token.code or following.code)
        if both_numbers and not token.unit and _RANGE.fullmatch(line, token.end, following.start):
            token.unit, token.shares_unit = following.unit, bool(following.unit)


def _read_page(line: str, start: int) -> _Token | None:
    match = _PAGE.match(line, start)
    return _Token(start, match.end(), code=f"page {match[1]}") if match else None


def _read_version(line: str, start: int) -> _Token | None:
    match = _VERSION.match(line, start)
    return _Token(start, match.end(), code=f"version {match[1].lower()}") if match else None


def _read_separated(line: str, start: int) -> _Token | None:
    match = _WITH_SEPARATORS.match(line, start)
    return _Token(start, match.end(), code=match[0]) if match else None


def _read_spaced_code(line: str, start: int) -> _Token | None:
    match = _SPACED_CODE.match(line, start)
    if not match or match[1] in _NO_CODE or read_unit(line, _GAP.match(line, match.end()).end()):  # type: ignore[union-attr]
        return None
    return _Token(start, match.end(), code=_normalise_code(match[0]), number=normalise_number(match[2]))


def _read_number(line: str, start: int) -> _Token | None:
    match = _NUMBER.match(line, start)
    if not match:
        return None
    pair = _LONG_PAIR.match(line, start)
    if pair and len(max(pair.groups(), key=len)) > 3 and not _read_unit_after(line, pair.end()):
        return _Token(start, pair.end(), code=pair[0])  # 912-4501 is a part number, 4-20 is not
    number = _read_amount(match)
    if unit := _read_unit_after(line, match.end()):
        return _Token(start, unit[1], number=number, unit=unit[0])
    code = _CODE.match(line, start)
    if (
        code
        and code.end() > match.end()
        and any(map(str.isalpha, code[0]))
        and not _is_range(line, match.end())
    ):
        return None
    return _Token(start, match.end(), number=number)


def _read_code(line: str, start: int) -> _Token | None:
    match = _CODE.match(line, start)
    if not match or not any(map(str.isdigit, match[0])):
        return None
    return _Token(start, match.end(), code=_normalise_code(match[0]))


_READERS = (_read_page, _read_version, _read_separated, _read_spaced_code, _read_number, _read_code)


def _read_amount(match: re.Match[str]) -> str:
    sign = "-" if match["sign"] == "-" else ""
    if match["whole"]:
        return str(Fraction(sign + match["whole"]) + Fraction(sign + match["part"]))
    digits = match["fraction"] or match["grouped"] or match["plain"]
    return normalise_number(sign + digits) + (match["power"] or "")


def _read_unit_after(line: str, end: int) -> tuple[str, int] | None:
    gap = _GAP.match(line, end)
    unit = read_unit(line, gap.end() if gap else end)
    if unit and line[unit[1] - 1] in "\"'" and _QUOTATION.search(line, 0, end):
        return None  # not 25 inches but the end of a quotation: "25"
    return unit


def _is_range(line: str, end: int) -> bool:
    """Tell whether a joiner and a number with a unit follow: ``4-20mA`` is no code."""
    joiner = _RANGE.match(line, end)
    number = _NUMBER.match(line, joiner.end()) if joiner else None
    return bool(number and _read_unit_after(line, number.end()))


def _normalise_code(code: str) -> str:
    return _SEPARATORS.sub("", code).lower()


def _skip_word(line: str, position: int) -> int:
    while position < len(line) and line[position].isalnum():
        position += 1
    return position
