"""The automatic numbers of a DOCX: which number a heading or list item is printed with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    base: str
    number: str
    level: int


@dataclass(slots=True)
class Numbering:
    """Counts the paragraphs of a document in order. A list goes on where it stopped, as in Word."""

    _styles: dict[str, _Style]
    _abstract: dict[str, str]
    _levels: dict[tuple[str, int], _Level]
    _restarts: dict[tuple[str, int], int]
    _counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def is_heading(self, style: str) -> bool:
        """Return whether a style is one of the headings, or a title."""
        name = self._styles[style].name if style in self._styles else style
        return name.lower().startswith(("heading", "title"))

    def count(self, style: str, number: str | None, level: int | None) -> str:
        """Count one paragraph and return its label, such as ``2.1`` or ``a)``; empty for bullets and plain text.

        Args:
            number: the numbering that the paragraph itself names; None leaves it to its style.
        """
        for _ in range(MAX_DEPTH):
            known = self._styles.get(style)
            if number is not None or known is None:
                break
            number, style = known.number or None, known.base
            level = known.level if level is None and number else level
        depth = level or 0
        abstract = self._abstract.get(number or "", "")
        own = self._levels.get((abstract, depth))
        if own is None or own.kind in ("bullet", "none"):
            return ""
        key = (abstract, depth)
        restart = self._restarts.pop((number or "", depth), None)
        self._counts[key] = restart if restart is not None else self._counts.get(key, own.start - 1) + 1
        for deeper in [k for k in self._counts if k[0] == abstract and k[1] > depth]:
            del self._counts[deeper]
        return re.sub(r"%(\d)", lambda found: self._format(abstract, int(found[1]) - 1), own.text).strip()

    def _format(self, abstract: str, depth: int) -> str:
        level = self._levels.get((abstract, depth))
        if level is None:
            return ""
        return _format_number(self._counts.get((abstract, depth), level.start), level.kind)


def read_numbering(numbering: ET.Element | None, styles: ET.Element | None) -> Numbering:
    """Read the definitions of lists, and which styles are numbered by them."""
    abstract: dict[str, str] = {}
    levels: dict[tuple[str, int], _Level] = {}
    restarts: dict[tuple[str, int], int] = {}
    for element in numbering if numbering is not None else ():
        if element.tag.endswith("}abstractNum"):
            name = _get(element, "abstractNumId")
            for each in _find_children(element, "lvl"):
                start = int(_get_value(each, "start") or 1)
                found = _Level(start, _get_value(each, "numFmt") or "decimal", _get_value(each, "lvlText"))
                levels[name, int(_get(each, "ilvl") or 0)] = found
        elif element.tag.endswith("}num"):
            abstract[_get(element, "numId")] = _get_value(element, "abstractNumId")
            for change in _find_children(element, "lvlOverride"):
                if start_at := _get_value(change, "startOverride"):
                    restarts[_get(element, "numId"), int(_get(change, "ilvl") or 0)] = int(start_at)
    return Numbering(dict(_read_styles(styles)), abstract, levels, restarts)


def _read_styles(styles: ET.Element | None) -> Iterator[tuple[str, _Style]]:
    for element in _find_children(styles, "style") if styles is not None else ():
        number, level = "", 0
        for properties in _find_children(element, "pPr"):
            for given in _find_children(properties, "numPr"):
                number, level = _get_value(given, "numId"), int(_get_value(given, "ilvl") or 0)
        yield (
            _get(element, "styleId"),
            _Style(_get_value(element, "name"), _get_value(element, "basedOn"), number, level),
        )


def _find_children(element: ET.Element, tag: str) -> Iterator[ET.Element]:
    return (child for child in element if child.tag.endswith(f"}}{tag}"))


def _get(element: ET.Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.endswith(f"}}{name}")), "")


def _get_value(element: ET.Element, tag: str) -> str:
    return next((_get(child, "val") for child in _find_children(element, tag)), "")


def _format_number(number: int, kind: str) -> str:
    if kind in ("lowerLetter", "upperLetter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters if kind == "lowerLetter" else letters.upper()
    if kind in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        roman = _write_roman(number)
        return roman if kind == "lowerRoman" else roman.upper()
    return f"{number:02}" if kind == "decimalZero" else str(number)


def _write_roman(number: int) -> str:
    signs = {1000: "m", 900: "cm", 500: "d", 400: "cd", 100: "c", 90: "xc", 50: "l", 40: "xl", 10: "x", 9: "ix",
             5: "v", 4: "iv", 1: "i"}  # fmt: skip
    text = ""
    for value, sign in signs.items():
        text += sign * (number // value)
        number %= value
    return text
