"""Headings: from the outline, matched to lines; from typography and numbering where the outline is silent."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge.ingest.readers.pdf.hyphens import Hyphens
from edge.ingest.readers.pdf.lines import Line
from edge.ingest.readers.warnings import is_label, is_note_label

MAX_TITLE = 140
LARGER = 1.13
"""Times the size of the text: what a reader sees to be larger."""
_NOT_WORD = re.compile(r"[\W_]+")
_NUMBERING = re.compile(
    r"^(?:(?:chapter|section|appendix|part|annex|kapitel|anhang)\s+)?(?:\d{1,3}(?:\.\d{1,3})*|[A-Z](?:\.\d{1,3})*)[.:)]?\s+(?=\S)",
    re.I,
)
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,3}){1,4})[.)]?\s+[^\W\d_]")
_SINGLE_NUMBER = re.compile(r"^\d{1,2}[.)]?\s+[^\W\d_]")
_CHAPTER = re.compile(r"^(chapter|appendix|part|section|annex)\s+([\dA-Z]{1,3}|[IVX]+)\b[:.]?", re.I)
_LABEL_ONLY = re.compile(r"^(?:chapter|appendix|part|section|annex)\s+(?:\d{1,3}|[A-Z]|[IVX]+)[:.]?$", re.I)
_FURNITURE_TITLE = re.compile(r"(table of )?contents|index", re.I)


Style = tuple[float, bool, bool, str]
"""Size in half points, bold, italic, font name."""
NO_STYLE: Style = (0.0, False, False, "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One outline entry: ``level`` from 1, 1-based ``page``, ``top`` in points from the top (None: unknown)."""

    level: int
    title: str
    page: int
    top: float | None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that takes the place of ``lines`` lines (0: it is not printed, only in the outline)."""

    level: int
    text: str
    lines: int
    style: Style = NO_STYLE


Headings = dict[int, list[Heading]]
"""Headings by the index of the line they stand at."""


def find_headings(
    lines: Sequence[Line], outline: Sequence[Entry], body: float, tabular: set[int], hyphens: Hyphens
) -> Headings:
    """Find the headings among the lines of a document; lines in ``tabular`` are table rows and are passed over."""
    found = _match_outline(lines, outline, hyphens)
    typographic = _find_by_typography(lines, body, tabular, hyphens)
    taken = {index + k for index, hs in found.items() for h in hs for k in range(h.lines)}
    styles = _find_outline_styles(found)
    matched = bool(styles)
    rich = len(outline) >= lines[-1].page / 4 if lines else False
    levels = styles if matched else _rank_styles(typographic.values())
    numbered = {heading.style for heading in typographic.values() if heading.level}
    current = 0
    for index in range(min(found, default=0) if rich else 0, len(lines)):
        if index in found:
            current = found[index][-1].level
        heading = typographic.get(index)
        if heading is None or any(index + k in taken for k in range(heading.lines)):
            continue
        unmistakable = (
            not matched or heading.style in styles or _stands_out(lines, index, heading, body, rich)
        )
        if not unmistakable:
            continue
        level = levels.get(heading.style, current + 1)
        if not matched:
            level = heading.level or level + (level > 1 and heading.style in numbered)
        before = found.get(index, [])
        if before:  # the outline's entry for this place, in other words than the printed ones
            level = before.pop().level
        found[index] = [*before, Heading(max(level, 1), heading.text, heading.lines, heading.style)]
    return found


# -- the outline


def _match_outline(lines: Sequence[Line], outline: Sequence[Entry], hyphens: Hyphens) -> Headings:
    by_page: dict[int, list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        by_page[line.page].append(index)
    found: Headings = {}
    taken: set[int] = set()
    unmatched: list[Entry] = []
    for entry in outline:
        place = _find_printed(entry, lines, by_page, taken)
        if place is None:
            unmatched.append(entry)
            continue
        index, count = place
        taken.update(range(index, index + count))
        text = hyphens.join_all(line.text for line in lines[index : index + count])
        found.setdefault(index, []).append(Heading(entry.level, text, count, _get_style(lines[index])))
    if len(unmatched) <= 0.7 * len(outline):
        for entry in unmatched:
            _insert_unprinted(entry, lines, by_page, found, taken)
    return found


def _find_printed(
    entry: Entry, lines: Sequence[Line], by_page: Mapping[int, list[int]], taken: set[int]
) -> tuple[int, int] | None:
    """Return the lines that print the title: first line and number of lines."""
    wanted = {_normalise(entry.title), _normalise(_NUMBERING.sub("", entry.title))} - {""}
    if not wanted:
        return None
    best: tuple[float, int, int] | None = None
    for page in (entry.page, entry.page + 1):
        for index in by_page.get(page, ()):
            count = 0 if index in taken else _count_matching_lines(lines, index, wanted)
            if count:
                off = (
                    abs(lines[index].top - entry.top) if entry.top is not None and page == entry.page else 0.0
                )
                off += 2000 * (page != entry.page) - 10 * lines[index].bold - lines[index].size
                if best is None or off < best[0]:
                    best = off, index, count
        if best:
            return best[1], best[2]
    return None


def _count_matching_lines(lines: Sequence[Line], index: int, wanted: set[str]) -> int:
    """Return how many lines from ``index`` on print one of the wanted titles; 0 if they do not."""
    text = ""
    for count in range(1, 5):
        if index + count > len(lines) or lines[index + count - 1].page != lines[index].page:
            return 0
        text = f"{text} {lines[index + count - 1].text}".strip()
        keys = {_normalise(text), _normalise(_NUMBERING.sub("", text))}
        if keys & wanted:
            return count
        if not any(title.startswith(key) for title in wanted for key in keys) and not _LABEL_ONLY.match(text):
            return 0
    return 0


def _insert_unprinted(
    entry: Entry, lines: Sequence[Line], by_page: Mapping[int, list[int]], found: Headings, taken: set[int]
) -> None:
    """Insert a heading that is not printed at the place its outline entry points to."""
    if _FURNITURE_TITLE.fullmatch(entry.title):
        return
    on_page = by_page.get(entry.page)
    if not on_page:
        return
    top = entry.top if entry.top is not None else 0.0
    index = next((i for i in on_page if lines[i].bottom >= top and i not in taken), on_page[-1])
    if index in found and found[index][-1].lines:
        return
    found.setdefault(index, []).append(Heading(entry.level, entry.title, 0))


def _find_outline_styles(found: Headings) -> dict[Style, int]:
    levels: dict[Style, Counter[int]] = defaultdict(Counter)
    for headings in found.values():
        for heading in headings:
            if heading.lines:
                levels[heading.style][heading.level] += 1
    return {style: count.most_common(1)[0][0] for style, count in levels.items()}


# -- typography


def _rank_styles(headings: Iterable[Heading]) -> dict[Style, int]:
    """Return the levels of styles without an outline: from their section numbers, else one below the larger style."""
    numbered: dict[Style, Counter[int]] = defaultdict(Counter)
    for heading in headings:
        numbered[heading.style][heading.level] += 1
    ranked: dict[Style, int] = {}
    above = 0
    for style in sorted(numbered, key=lambda s: (-s[0], not s[1], s)):
        stated = [level for level, _ in numbered[style].most_common() if level]
        above = ranked[style] = stated[0] if stated else above + 1
    return ranked


def _find_by_typography(
    lines: Sequence[Line], body: float, tabular: set[int], hyphens: Hyphens
) -> dict[int, Heading]:
    found: dict[int, Heading] = {}
    index = 0
    while index < len(lines):
        if index in tabular or not _looks_like_heading(lines, index, body):
            index += 1
            continue
        count = 1
        while count < 4 and (
            _continues_heading(lines, index + count, body, tabular)
            or (count == 1 and _has_title_below(lines, index, body, tabular))
        ):
            count += 1
        text = hyphens.join_all(line.text for line in lines[index : index + count])
        if len(text) <= MAX_TITLE:
            large = lines[index].size >= LARGER * body
            found[index] = Heading(_read_level(text, large), text, count, _get_style(lines[index]))
        index += count
    return found


def _looks_like_heading(lines: Sequence[Line], index: int, body: float) -> bool:
    line = lines[index]
    text = line.text
    if is_label(text) or is_note_label(text):
        return False
    if (
        line.mono
        or len(line.cells) > 2
        or not 2 <= len(text) <= MAX_TITLE
        or not re.search(r"[^\W\d_]{2}", text)
    ):
        return False
    if text[-1] in ".,;" and not _CHAPTER.match(text):
        return False
    if text[0] in "•◦▪■-–*(" or text[0].islower():
        return False
    if len(line.cells) == 2 and not _is_numbering(line.cells[0].text):
        return False
    larger = line.size >= LARGER * body
    alone = _is_alone(lines, index)
    if larger and (line.size >= 1.3 * body or alone):
        return True
    if line.bold and alone and text[-1] != ":":
        return line.size >= 0.85 * body
    return bool(_NUMBERED.match(text)) and alone and len(text) < 80 and line.size >= 0.95 * body


def _is_numbering(text: str) -> bool:
    return bool(
        re.fullmatch(
            r"(?:chapter|appendix)?\s*(?:\d{1,3}(?:\.\d{1,3})*|[A-Z](?:\.\d{1,3})*)[.:)]?", text, re.I
        )
    )


def _is_alone(lines: Sequence[Line], index: int) -> bool:
    """Return whether white space or a change of style sets the line apart from the text above and below."""
    line = lines[index]
    above = lines[index - 1] if index else None
    below = lines[index + 1] if index + 1 < len(lines) else None
    free_above = (
        above is None
        or above.page != line.page
        or above.region != line.region
        or line.top - above.bottom > 0.45 * line.size
        or _get_style(above) == _get_style(line)
    )
    plain_below = (
        below is None
        or below.page != line.page
        or _get_style(below) != _get_style(line)
        or (below.top - line.bottom > 0.45 * line.size)
    )
    return free_above and (plain_below or (_get_style(line)[0] > 0 and line.bold))


def _continues_heading(lines: Sequence[Line], index: int, body: float, tabular: set[int]) -> bool:
    """Return whether the line at ``index`` continues the heading above it."""
    if index >= len(lines) or index in tabular:
        return False
    above, line = lines[index - 1], lines[index]
    if (above.page, above.region) != (line.page, line.region) or _get_style(above) != _get_style(line):
        return False
    close = line.baseline - above.baseline < 1.45 * line.size
    return close and not _NUMBERED.match(line.text) and _looks_like_heading_style(line, body)


def _has_title_below(lines: Sequence[Line], index: int, body: float, tabular: set[int]) -> bool:
    """Return whether a line says no more than ``Chapter 3`` and the next one is that chapter's title."""
    following = index + 1
    if following >= len(lines) or following in tabular or not _LABEL_ONLY.match(lines[index].text):
        return False
    return lines[index].page == lines[following].page and _looks_like_heading(lines, following, body)


def _looks_like_heading_style(line: Line, body: float) -> bool:
    return len(line.cells) == 1 and not line.mono and (line.bold or line.size >= LARGER * body)


def _stands_out(lines: Sequence[Line], index: int, heading: Heading, body: float, rich: bool) -> bool:
    """Return whether a heading is unmistakable: larger than the text, or bold where the outline is thin."""
    line = lines[index]
    following = index + heading.lines
    has_text = following < len(lines) and not lines[following].bold
    return has_text and len(heading.text) < 80 and (line.size >= LARGER * body or (line.bold and not rich))


def _read_level(text: str, large: bool) -> int:
    """Return the depth of a printed section number, or 0. A single number may be that of a step or a list."""
    if match := _NUMBERED.match(text):
        return match[1].count(".") + 1
    return 1 if _CHAPTER.match(text) or (large and _SINGLE_NUMBER.match(text)) else 0


def _get_style(line: Line) -> Style:
    return round(line.size * 2) / 2, line.bold, line.italic, line.font


def _normalise(text: str) -> str:
    return _NOT_WORD.sub("", text).casefold()
