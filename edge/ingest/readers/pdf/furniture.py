"""Page furniture: running headers and footers, page numbers, tables of contents, indexes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from edge.ingest.readers.pdf.lines import Line, PageLines

BAND = 0.14
"""Fraction of the page height, at the top and at the bottom, in which running lines stand."""
MAX_RUNNING_LINES = 4

_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|pagina|p\.)?\s*[-–—\[(|]*\s*(?:\d{1,4}|[ivxlc]{1,7}|[A-Z]{1,2}-\d{1,3}|\d{1,2}[-–.]\d{1,3})"
    r"\s*(?:(?:/|of|von|de)\s*\d{1,4})?\s*[-–—\])|]*",
    re.I,
)
_LEADER = re.compile(
    r"^(.*?\S)\s*(?:[.·…_]\s*){4,}\s*(\S{0,2}?)(\d{1,4}|[ivxlc]{1,6}|[A-Z]{1,2}[-–]\d{1,3})$", re.I
)
_DOTS = re.compile(r"(?:\s*[.·…]){4,}")
_CONTENTS_TITLE = re.compile(
    r"(table of )?contents|list of (figures|tables|examples|illustrations)|(\S+ ){0,5}index|index of .*|"
    r"inhalt(sverzeichnis)?|stichwortverzeichnis|sommaire|table des matières|[ií]ndice|indice",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"(?:^|[\s,.…])[ivx\d]{1,4}(?:[-–]\d{1,4})?(?:,\s*\d{1,4}(?:[-–]\d{1,4})?)*,?$")

_HAZARDS = frozenset("⚠⚡☠☢☣")


_Place = tuple[bool, int]
"""At the top or at the bottom, and the height in steps of three points."""


def strip_running_lines(pages: Sequence[PageLines], labels: Sequence[str | None]) -> list[PageLines]:
    """Strip headers, footers and page numbers: lines at the edge of the page that come back on other pages."""
    running = _find_running_keys(pages)
    often, always = _find_usual_places(pages, running)
    stripped = []
    for page, label in zip(pages, labels, strict=True):
        drop = set()
        for edge in _find_edges(page):
            drop.update(_take_running(edge, page, label, running, often, always))
        kept = tuple(line for index, line in enumerate(page.lines) if index not in drop)
        stripped.append(replace(page, lines=kept))
    return stripped


def _normalise(text: str) -> str:
    """Replace the numbers of a text by one sign, so that running lines become equal."""
    words = ["#" if re.fullmatch(r"[ivxlc]+", word) else word for word in text.split()]
    return _DIGITS.sub("#", " ".join(words))


def _locate(line: Line, page: PageLines) -> _Place:
    return line.baseline < page.height / 2, round(line.baseline / 3)


def _find_edges(page: PageLines) -> Iterable[list[int]]:
    """Return the indices of the lines in the upper and in the lower band, outermost first."""
    order = sorted(range(len(page.lines)), key=lambda i: page.lines[i].baseline)
    upper = [i for i in order if page.lines[i].bottom <= BAND * page.height]
    lower = [i for i in reversed(order) if page.lines[i].top >= (1 - BAND) * page.height]
    return upper[:MAX_RUNNING_LINES], lower[:MAX_RUNNING_LINES]


def _make_keys(line: Line, outermost: bool) -> list[str]:
    """Return what may come back of a line: all of it, or in the outermost line one cell (a chapter's title)."""
    keys = [_normalise(line.text)]
    if outermost and len(line.cells) > 1:
        keys += [_normalise(cell.text) for cell in line.cells if len(cell.text) > 5]
    return keys


def _find_running_keys(pages: Sequence[PageLines]) -> set[tuple[bool, str]]:
    """Return the texts that stand at the same edge of several pages."""
    keys = Counter[tuple[bool, str]]()
    for page in pages:
        for at_top, edge in zip((True, False), _find_edges(page), strict=True):
            keys.update({(at_top, key) for i in edge for key in _make_keys(page.lines[i], i == edge[0])})
    enough = 2 if len(pages) <= 5 else 3
    return {key for key, count in keys.items() if count >= enough}


def _is_running(at_top: bool, line: Line, running: set[tuple[bool, str]], outermost: bool) -> bool:
    return any((at_top, key) in running for key in _make_keys(line, outermost))


def _find_usual_places(
    pages: Sequence[PageLines], running: set[tuple[bool, str]]
) -> tuple[set[_Place], set[_Place]]:
    """Return the heights of running lines on many pages, and those at which hardly anything else stands."""
    outermost, repeated = Counter[_Place](), Counter[_Place]()
    for page in pages:
        for at_top, edge in zip((True, False), _find_edges(page), strict=True):
            outermost.update(_locate(page.lines[i], page) for i in edge[:1])
            repeated.update(
                {
                    _locate(page.lines[i], page)
                    for i in edge
                    if _is_running(at_top, page.lines[i], running, i == edge[0])
                    or _PAGE_NUMBER.fullmatch(page.lines[i].text)
                }
            )
    often = {place for place, count in repeated.items() if count >= max(3, 0.2 * len(pages))}
    always = {
        place for place in often if repeated[place] >= max(5, 0.6 * outermost[place]) and outermost[place]
    }
    return often, always


def _is_near(places: set[_Place], at_top: bool, height: int) -> bool:
    return any((at_top, height + step) in places for step in (-1, 0, 1))


def _take_running(
    edge: list[int],
    page: PageLines,
    label: str | None,
    running: set[tuple[bool, str]],
    often: set[_Place],
    always: set[_Place],
) -> list[int]:
    """Take running lines from the outside in; the first line of content ends it."""
    taken: list[int] = []
    for index in edge:
        line = page.lines[index]
        at_top, place = _locate(line, page)
        usual = _is_near(often, at_top, place)
        repeated = _is_running(at_top, line, running, index == edge[0])
        numbered = label is not None and label in re.split(r"[\s|/]+", line.text) and len(line.text) < 90
        if (
            _PAGE_NUMBER.fullmatch(line.text)
            or (usual and (repeated or numbered))
            or (repeated and numbered)
            or _is_near(always, at_top, place)
        ):
            taken.append(index)
        else:
            break
    return taken


def strip_listings(pages: Sequence[PageLines]) -> list[PageLines]:
    """Empty the pages of tables of contents and indexes: they would be found instead of the sections they list."""
    kept: list[PageLines] = []
    in_listing = False
    for page in pages:
        entries = sum(1 for line in page.lines if _LEADER.match(line.text))
        in_listing = bool(page.lines) and _is_listing(page, entries, len(pages), in_listing)
        if in_listing:
            kept.append(replace(page, lines=_keep_after_listing(page)))
        elif entries >= 3:
            kept.append(replace(page, lines=_strip_entries(page)))
        else:
            kept.append(page)
    return kept


def _is_listing(page: PageLines, entries: int, count: int, continued: bool) -> bool:
    lines = page.lines
    titled = any(_CONTENTS_TITLE.fullmatch(line.text.strip()) for line in lines[:3])
    if entries >= max(3, 0.5 * len(lines)) and _is_ascending(lines):
        return True
    referring = sum(
        1 for line in lines if _REFERENCE.search(line.text) and len(_DOTS.sub("", line.text)) < 110
    )
    outside = page.number <= max(20, 0.1 * count) or page.number > 0.75 * count
    enough = 0.5 if titled or continued else 0.85
    return (
        outside
        and (titled or continued)
        and referring >= max(2, enough * len(lines))
        and not _is_prose(lines)
    )


def _is_ascending(lines: Sequence[Line]) -> bool:
    """Return whether the numbers after the leaders grow as page numbers do (a specification's values do not)."""
    numbers = [int(m[3]) for line in lines if (m := _LEADER.match(line.text)) and m[3].isdigit()]
    pairs = list(pairwise(numbers))
    return not pairs or sum(a <= b for a, b in pairs) >= 0.8 * len(pairs)


def _is_prose(lines: Sequence[Line]) -> bool:
    long = sum(1 for line in lines if len(line.cells) == 1 and len(_DOTS.sub("", line.text)) > 75)
    return long > 0.3 * len(lines)


def _keep_after_listing(page: PageLines) -> tuple[Line, ...]:
    """Return the lines after the last entry on a page of contents, when they are more than a few."""
    last = max((i for i, line in enumerate(page.lines) if _REFERENCE.search(line.text)), default=-1)
    rest = page.lines[last + 1 :]
    return rest if len(rest) >= 4 else ()


def _strip_entries(page: PageLines) -> tuple[Line, ...]:
    if not _is_ascending(page.lines):
        return page.lines
    return tuple(
        line
        for line in page.lines
        if not _LEADER.match(line.text) and not _CONTENTS_TITLE.fullmatch(line.text.strip())
    )


def is_ornament(text: str) -> bool:
    """Return whether the text is symbols alone, as the corners of a frame become in some fonts."""
    signs = set(text) - {" "}
    return bool(signs) and not signs & _HAZARDS and all(unicodedata.category(sign) == "So" for sign in signs)
