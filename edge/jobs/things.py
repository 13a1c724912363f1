"""The tools and parts that a procedure names: in lists of their own ("Tools"), and in its steps. Pure.

Words for tools are data: ``things.toml`` beside this module. A part is named by its number.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from edge.packs.pack import Chunk
from edge.text.units import CELL, HEADER

_ITEM = re.compile(r"^\s*(?:[-•*·–]|\d{1,2}[.)])\s+")
_BEFORE = re.compile(
    r"(?<![\w.,])\d+(?:[.,/]\d+)?\s?(?:mm|cm|in|V|kV|Nm|A|kg|t|°C)\s$|(?<!\w)(?:insulated|insulation|heat-resistant"
    r"|combination|bolt|tube|side|cable|calibrated|PoE|loop|earth|polarity)\s$",
    re.IGNORECASE,
)
"""A size, or a word that tells one tool from the next."""
_PART = re.compile(
    r"\b(?:part(?: no\.?| number)?|p/n|order (?:no\.?|number)|item no\.?"
    r"|art(?:icle|ikel)?\.?(?:[ -]?n(?:o|r|ummer)\.?)?)"
    r"[\s:#]*([\w-]*\d[\w./-]*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Things:
    """Names of tools and of parts, as the manual writes them."""

    tools: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Words:
    tools: re.Pattern[str]
    tool_heading: re.Pattern[str]
    part_heading: re.Pattern[str]


def find_things(steps: Iterable[str]) -> Things:
    """Find the tools and parts that the texts of steps name."""
    tools: list[str] = []
    parts: list[str] = []
    for text in steps:
        tools.extend(_find_tools(text))
        parts += [match[1].rstrip(".") for match in _PART.finditer(text)]
    return Things(tuple(dict.fromkeys(tools)), tuple(dict.fromkeys(parts)))


def find_listed(section: Sequence[Chunk]) -> Things:
    """Find what a section headed "Tools" or "Parts" lists; nothing in other sections."""
    words, last = _read_words(), section[0].heading.rsplit(" > ", 1)[-1].strip().rstrip(":")
    for_tools, for_parts = words.tool_heading.fullmatch(last), words.part_heading.fullmatch(last)
    if not (for_tools or for_parts):
        return Things()
    lines = [line for chunk in section for line in chunk.text.split("\n")]
    items = (line for line in lines if not line.startswith(HEADER) and (_ITEM.match(line) or CELL in line))
    named = tuple(dict.fromkeys(_ITEM.sub("", line, count=1).replace(CELL, ", ").strip() for line in items))
    return Things(tools=named) if for_tools else Things(parts=named)


def _find_tools(text: str) -> Iterator[str]:
    words = _read_words()
    for match in words.tools.finditer(text):
        before = _BEFORE.search(text[: match.start()])
        size = before[0].strip() if before else ""
        yield f"{size} {match[0]}".strip()


@cache
def _read_words() -> _Words:
    read = tomllib.loads((files("edge.jobs") / "things.toml").read_text(encoding="utf-8"))
    names = sorted(
        (name.strip() for name in read["tools"].replace("\n", ",").split(",")), key=len, reverse=True
    )
    any_of = "|".join(re.escape(name) for name in names if name)
    return _Words(
        tools=re.compile(rf"(?<![\w-])(?:{any_of})(?:e?s)?(?![\w-])", re.IGNORECASE),
        tool_heading=re.compile(read["tool_headings"], re.IGNORECASE),
        part_heading=re.compile(read["part_headings"], re.IGNORECASE),
    )
