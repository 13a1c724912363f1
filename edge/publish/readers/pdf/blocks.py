"""Lines to blocks: paragraphs, list items, steps, code, table rows and warnings, joined across pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edge.publish.document import Block, BlockKind
from edge.publish.readers.lists import Marker, item_text, marker
from edge.publish.readers.pdf.admonitions import Admonition, find_admonitions
from edge.publish.readers.pdf.headings import Headings
from edge.publish.readers.pdf.hyphens import Hyphens
from edge.publish.readers.pdf.lines import Line
from edge.publish.readers.pdf.tables import Table
from edge.publish.readers.warnings import is_label, is_note_label, split_signal, warning_text, whole_warnings

_ENDS_SENTENCE = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_WRAPPED = re.compile(r" ?[↩↪⏎↵←][⁻-]?\n *")
"""A sign that a listing was wrapped to fit the page."""


@dataclass(slots=True)
class _Group:
    """Lines that make one block. ``text_left`` is where the text of a list item starts;
    ``warns`` marks a safety warning, which ends at white space only."""

    kind: BlockKind
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    text: str = ""
    header: str = ""
    found: Marker | None = None
    text_left: float = 0.0
    warns: bool = False
    extra: tuple[Line, ...] = ()


class Spacing:
    """Normal distance between the baselines of consecutive lines, by font size."""

    def __init__(self, lines: Sequence[Line]) -> None:
        deltas: dict[float, Counter[float]] = defaultdict(Counter)
        for above, line in pairwise(lines):
            same = (above.page, above.region) == (line.page, line.region) and abs(above.size - line.size) < 0.3
            delta = line.baseline - above.baseline
            if same and 0.9 * line.size < delta < 2.2 * line.size:
                deltas[round(line.size)][round(delta * 2) / 2] += 1
        self._normal = {size: count.most_common(1)[0][0] for size, count in deltas.items() if count.total() >= 3}

    def of(self, line: Line) -> float:
        """Points from one baseline to the next within a paragraph."""
        return self._normal.get(round(line.size), 1.2 * line.size)


def build_blocks(
    lines: Sequence[Line], headings: Headings, tables: Sequence[Table], hyphens: Hyphens
) -> list[Block]:
    """Turn the lines of a document into blocks in reading order."""
    spacing = Spacing(lines)
    layout = _Layout(headings, {t.start: t for t in tables}, find_admonitions(lines), spacing, hyphens)
    groups = _grouped(lines, layout)
    joined = _joined_across_pages(_with_terms(groups, spacing, hyphens))
    blocks = [_block(group, hyphens) for group in joined]
    return list(whole_warnings(block for block in blocks if block.text))


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is known about the lines before they are grouped, by index of the first line."""

    headings: Headings
    tables: dict[int, Table]
    admonitions: dict[int, Admonition]
    spacing: Spacing
    hyphens: Hyphens


def _grouped(lines: Sequence[Line], layout: _Layout) -> list[_Group]:
    groups: list[_Group] = []
    index = 0
    fresh = True
    while index < len(lines):
        used = _structured(lines, index, layout, groups)
        if used:
            index, fresh = index + used, True
            continue
        line = lines[index]
        if fresh or _starts_group(groups[-1], line, layout.spacing):
            groups.append(_new_group(line, groups))
        else:
            groups[-1].lines.append(line)
        index, fresh = index + 1, False
    return groups


def _structured(lines: Sequence[Line], index: int, layout: _Layout, groups: list[_Group]) -> int:
    """Add the headings, the table or the admonition that starts at a line; returns how many lines it took."""
    used = 0
    for heading in layout.headings.get(index, ()):
        taken = lines[index + used : index + used + heading.lines]
        used += heading.lines
        groups.append(_Group("heading", list(taken) or [lines[index]], heading.level, heading.text))
    if used:
        return used
    if admonition := layout.admonitions.get(index):
        if not any(i in layout.headings for i in range(index + 1, admonition.end)):
            groups.append(_admonition_group(lines, admonition, layout.hyphens))
            return admonition.end - index
    if table := layout.tables.get(index):
        groups += _table_groups(table, layout.hyphens)
        return table.end - index
    return 0


def _admonition_group(lines: Sequence[Line], admonition: Admonition, hyphens: Hyphens) -> _Group:
    text = hyphens.join_all(line.text for line in admonition.lines)
    signal = split_signal(admonition.label)
    taken = list(lines[admonition.start : admonition.end])
    if signal:
        return _Group("warning", taken, text=warning_text(signal[0], text))
    return _Group("paragraph", taken, text=f"{admonition.label.rstrip(' :')}: {text}")


def _table_groups(table: Table, hyphens: Hyphens) -> list[_Group]:
    """One group a row. Two columns, the second one prose, are definitions and read as text."""
    header = table.header.text if table.header else ""
    groups = []
    for number, row in enumerate(table.rows):
        extra = table.header.lines if table.header and number == 0 else ()
        if _is_definition(table):
            text = " – ".join(cell for cell in row.cells if cell)
            groups.append(_Group("paragraph", list(row.lines), text=hyphens.mend(text)))
        else:
            groups.append(
                _Group("row", list(row.lines), text=hyphens.mend(row.text), header=header, extra=extra)
            )
    return groups


def _is_definition(table: Table) -> bool:
    if table.header or len(table.lefts) != 2:
        return False
    words = [len(row.cells[1].split()) for row in table.rows]
    return sum(words) / len(words) >= 8


def _new_group(line: Line, groups: list[_Group]) -> _Group:
    found = None if line.mono else marker(line.text)
    if found and found.kind == "step" and not _plausible(found, groups):
        found = None
    if found:
        return _Group(found.kind, [line], found=found, text_left=_text_left(line))
    warns = split_signal(line.text) is not None or (bool(groups) and _is_bare_label(groups[-1]))
    return _Group("code" if line.mono else "paragraph", [line], warns=warns and not line.mono)


def _is_bare_label(group: _Group) -> bool:
    return group.kind == "paragraph" and len(group.lines) == 1 and is_label(group.lines[0].text)


def _plausible(found: Marker, groups: list[_Group]) -> bool:
    """A numbered step starts a list, or follows the step before it."""
    if found.number in (1, 101):
        return True
    for group in reversed(groups[-30:]):
        if group.kind == "heading":
            break
        if group.found and group.found.kind == "step" and group.found.lettered == found.lettered:
            if 0 < found.number - group.found.number <= 2:
                return True
    return False


def _text_left(line: Line) -> float:
    return line.cells[1].left if len(line.cells) > 1 else line.left + 0.6 * line.size


def _starts_group(group: _Group, line: Line, spacing: Spacing) -> bool:
    above = group.lines[-1]
    if (above.page, above.region) != (line.page, line.region) or line.baseline <= above.baseline:
        return True
    normal = spacing.of(line)
    gap = line.baseline - above.baseline
    if group.kind == "code":
        return not line.mono or gap > 2.6 * normal or line.ruled
    if line.ruled or gap > 1.28 * normal + 1 or abs(line.size - above.size) > 0.12 * line.size:
        return True
    if line.mono and not _is_inline_code(above, line):
        return True
    if group.warns:
        return marker(line.text) is not None
    if above.bold and not line.bold and all(each.bold for each in group.lines) and _fits(above, line):
        return True
    if marker(line.text) and (group.found or not _runs_on(above, line)):
        found = marker(line.text)
        if found and (found.kind == "item" or group.found or found.number in (1, 101)):
            return True
    return _indent_breaks(group, above, line) or _ends_early(above, line)


def _is_inline_code(above: Line, line: Line) -> bool:
    """Whether a line in a fixed pitch is the next line of a paragraph and not a listing."""
    return not above.mono and abs(above.left - line.left) < line.size and not _fits(above, line)


def _fits(above: Line, line: Line) -> bool:
    """Whether the first word of the line would have fitted onto the line above: then the break was meant."""
    return above.right + line.lead + 0.4 * line.size < above.measure


def _runs_on(above: Line, line: Line) -> bool:
    return not _fits(above, line) and not _ENDS_SENTENCE.search(above.text)


def _ends_early(above: Line, line: Line) -> bool:
    if not _fits(above, line):
        return False
    short = above.right < above.measure - 0.35 * (above.measure - above.left)
    return bool(_ENDS_SENTENCE.search(above.text)) or (short and not line.text[:1].islower())


def _indent_breaks(group: _Group, above: Line, line: Line) -> bool:
    indent = line.size
    if group.found:
        return line.left < group.lines[0].left + 0.2 * indent and len(group.lines) == 1 and _fits(above, line) or (
            line.left < group.lines[0].left - 0.5 * indent
        )
    shift = line.left - above.left
    if len(group.lines) == 1:
        if shift <= 0:
            return shift < -6 * indent
        hangs = len(above.cells) > 1 and abs(above.cells[-1].left - line.left) < 0.5 * indent
        return shift > 0.8 * indent and not hangs and (_fits(above, line) or len(above.cells) > 1)
    return shift < -1.5 * indent or (shift > 0.8 * indent and not _runs_on(above, line))


def _with_terms(groups: list[_Group], spacing: Spacing, hyphens: Hyphens) -> list[_Group]:
    """Put a term (an option, a command, a field) in front of the indented text that explains it."""
    result: list[_Group] = []
    for group in groups:
        before = result[-1] if result else None
        if before and _is_term_of(before, group, spacing):
            text = f"{before.lines[0].text} – {_group_text(group, hyphens)}"
            result[-1] = _Group("paragraph", before.lines + group.lines, text=text)
        else:
            result.append(group)
    return result


def _is_term_of(before: _Group, group: _Group, spacing: Spacing) -> bool:
    if group.kind != "paragraph" or before.kind not in ("paragraph", "code") or before.text or group.text:
        return False
    term, line = before.lines[0], group.lines[0]
    if len(before.lines) > 1 or (term.page, term.region) != (line.page, line.region):
        return False
    close = 0 < line.baseline - term.baseline <= 1.3 * spacing.of(line)
    indented = 1.5 * line.size <= line.left - term.left <= 12 * line.size
    return close and indented and len(term.text) <= 80 and not _ENDS_SENTENCE.search(term.text)


# -- across pages


def _joined_across_pages(groups: list[_Group]) -> list[_Group]:
    """Join a paragraph or item that a page or column break cut in two."""
    joined: list[_Group] = []
    for group in groups:
        before = _above_footnotes(joined, group)
        if before and _goes_on(before, group):
            before.lines += group.lines
        else:
            joined.append(group)
    return joined


def _above_footnotes(joined: list[_Group], group: _Group) -> _Group | None:
    """The last group in the size of this one: footnotes stand between a paragraph and its end overleaf."""
    for before in reversed(joined[-6:]):
        if before.lines[-1].size > 0.88 * group.lines[0].size:
            return before
    return None


def _goes_on(before: _Group, group: _Group) -> bool:
    last, first = before.lines[-1], group.lines[0]
    if (last.page, last.region) == (first.page, first.region) or first.page - last.page > 1:
        return False
    if before.kind == group.kind == "code":
        return last.page != first.page
    if before.text or group.text or before.header or group.found or group.kind != "paragraph":
        return False
    if before.kind not in ("paragraph", "item", "step") or abs(last.size - first.size) > 0.1 * first.size:
        return False
    return not _ENDS_SENTENCE.search(last.text) and (first.text[:1].islower() or last.text.endswith("-"))


# -- blocks


def _block(group: _Group, hyphens: Hyphens) -> Block:
    boxes = tuple(line.box for line in (*group.extra, *group.lines))
    if group.kind == "heading" and group.level and not group.text:
        boxes = ()
    return Block(
        kind=group.kind,
        text=_group_text(group, hyphens),
        page=group.lines[0].page,
        boxes=boxes,
        level=group.level,
        header=group.header,
    )


def _group_text(group: _Group, hyphens: Hyphens) -> str:
    if group.text:
        return group.text
    if group.kind == "code":
        return _code(group.lines)
    first = group.lines[0].text
    if len(group.lines) > 1 and (is_label(first) or is_note_label(first)):
        return f"{first.rstrip(' :!')}: {hyphens.join_all(line.text for line in group.lines[1:])}"
    text = hyphens.join_all(line.text for line in group.lines)
    if group.found and (found := marker(text)):
        return item_text(found)
    return text


def _code(lines: Sequence[Line]) -> str:
    """Lines with their indentation, in characters."""
    left = min(line.left for line in lines)
    rows = []
    for line in lines:
        width = max((line.right - line.left) / max(len(line.text), 1), 1.0)
        rows.append(" " * min(round((line.left - left) / width), 60) + line.text)
    return _WRAPPED.sub("", "\n".join(rows))

