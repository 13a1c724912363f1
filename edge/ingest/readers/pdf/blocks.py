"""Lines to blocks: paragraphs, list items, steps, code, table rows and warnings, joined across pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.ingest.document import Block
from edge.ingest.readers.lists import find_marker, format_item
from edge.ingest.readers.pdf.admonitions import Admonition, find_admonitions
from edge.ingest.readers.pdf.groups import ENDS_SENTENCE, Group, Spacing, open_group, starts_group
from edge.ingest.readers.pdf.headings import Headings
from edge.ingest.readers.pdf.hyphens import Hyphens
from edge.ingest.readers.pdf.lines import WRAP_SIGNS, Line
from edge.ingest.readers.pdf.tables import Table
from edge.ingest.readers.warnings import format_warning, is_label, is_note_label, join_warnings, split_signal

_WRAPPED = re.compile(rf" *[{WRAP_SIGNS}][⁻-]?\n *")
_WRAPPED_AT_BLANK = re.compile(rf"(?<=\w)(?<!_){_WRAPPED.pattern}(?=\w)")
"""A listing that was wrapped to fit the page: at a blank where that divides words, else within a path or an option."""


def build_blocks(
    lines: Sequence[Line], headings: Headings, tables: Sequence[Table], hyphens: Hyphens
) -> list[Block]:
    """Turn the lines of a document into blocks in reading order."""
    spacing = Spacing(lines)
    layout = _Layout(headings, {t.start: t for t in tables}, find_admonitions(lines), spacing, hyphens)
    groups = _group_lines(lines, layout)
    joined = _join_across_pages(_attach_terms(groups, spacing))
    blocks = [_make_block(group, hyphens) for group in joined]
    return list(join_warnings(block for block in blocks if block.text))


@dataclass(frozen=True, slots=True)
class _Layout:
    """The structure found among the lines before they are grouped, by index of the first line."""

    headings: Headings
    tables: dict[int, Table]
    admonitions: dict[int, Admonition]
    spacing: Spacing
    hyphens: Hyphens


def _group_lines(lines: Sequence[Line], layout: _Layout) -> list[Group]:
    groups: list[Group] = []
    index = 0
    fresh = True
    while index < len(lines):
        used = _add_structure(lines, index, layout, groups)
        if used:
            index, fresh = index + used, True
            continue
        line = lines[index]
        if fresh or starts_group(groups[-1], line, layout.spacing):
            groups.append(open_group(line, groups))
        else:
            groups[-1].lines.append(line)
        index, fresh = index + 1, False
    return groups


def _add_structure(lines: Sequence[Line], index: int, layout: _Layout, groups: list[Group]) -> int:
    """Add the headings, the table or the admonition that starts at a line; return how many lines it took."""
    used = 0
    for heading in layout.headings.get(index, ()):
        taken = lines[index + used : index + used + heading.lines]
        used += heading.lines
        place = list(taken) or [lines[index]]
        groups.append(Group("heading", place, heading.level, heading.text, printed=bool(taken)))
    if used:
        return used
    admonition = layout.admonitions.get(index)
    if admonition and not any(i in layout.headings for i in range(index + 1, admonition.end)):
        groups.append(_make_admonition(lines, admonition, layout.hyphens))
        return admonition.end - index
    if table := layout.tables.get(index):
        groups += _make_table_groups(table, layout.hyphens)
        return table.end - index
    return 0


def _make_admonition(lines: Sequence[Line], admonition: Admonition, hyphens: Hyphens) -> Group:
    found = [(line.text, find_marker(line.text)) for line in admonition.lines]
    parts = [format_item(sign) if sign and sign.kind == "item" else text for text, sign in found]
    text = hyphens.join_all(parts).removeprefix("- ")
    signal = split_signal(admonition.label)
    taken = list(lines[admonition.start : admonition.end])
    if signal:
        return Group("warning", taken, text=format_warning(signal[0], text))
    return Group("paragraph", taken, text=f"{admonition.label.rstrip(' :')}: {text}")


def _make_table_groups(table: Table, hyphens: Hyphens) -> list[Group]:
    """Make one group of each row. Two columns, the second one prose, are definitions and read as text."""
    header = table.header.text if table.header else ""
    groups = []
    for number, row in enumerate(table.rows):
        extra = table.header.lines if table.header and number == 0 else ()
        if _is_definition(table):
            text = " – ".join(cell for cell in row.cells if cell)
            groups.append(Group("paragraph", list(row.lines), text=hyphens.mend(text)))
        else:
            groups.append(
                Group("row", list(row.lines), text=hyphens.mend(row.text), header=header, extra=extra)
            )
    return groups


def _is_definition(table: Table) -> bool:
    if table.header or len(table.lefts) != 2:
        return False
    words = [len(row.cells[1].split()) for row in table.rows]
    return sum(words) / len(words) >= 8


def _attach_terms(groups: list[Group], spacing: Spacing) -> list[Group]:
    """Put a term (an option, a command, a field) in front of the indented text that explains it."""
    result: list[Group] = []
    for group in groups:
        if result and _is_term_of(result[-1], group, spacing):
            term = result.pop()
            group = replace(group, term=term.lines[0].text, extra=tuple(term.lines))
        result.append(group)
    return result


def _is_term_of(before: Group, group: Group, spacing: Spacing) -> bool:
    if group.kind != "paragraph" or before.kind not in ("paragraph", "code"):
        return False
    if before.text or group.text or before.term or before.warns:
        return False
    term, line = before.lines[0], group.lines[0]
    if len(before.lines) > 1 or (term.page, term.region) != (line.page, line.region):
        return False
    close = 0 < line.baseline - term.baseline <= 1.3 * spacing.get_distance(line)
    indented = 1.5 * line.size <= line.left - term.left <= 12 * line.size
    return close and indented and len(term.text) <= 80 and not ENDS_SENTENCE.search(term.text)


# -- across pages


def _join_across_pages(groups: list[Group]) -> list[Group]:
    """Join a paragraph or item that a page or column break cut in two."""
    joined: list[Group] = []
    for group in groups:
        before = _skip_footnotes(joined, group)
        if before and _continues(before, group):
            before.lines += group.lines
        else:
            joined.append(group)
    return joined


def _skip_footnotes(joined: list[Group], group: Group) -> Group | None:
    """Return the last group in the size of this one: footnotes stand between a paragraph and its end overleaf."""
    for before in reversed(joined[-6:]):
        if before.lines[-1].size > 0.93 * group.lines[0].size:
            return before
    return None


def _continues(before: Group, group: Group) -> bool:
    last, first = before.lines[-1], group.lines[0]
    if (last.page, last.region) == (first.page, first.region) or first.page - last.page > 1:
        return False
    if before.kind == group.kind == "code":
        return last.page != first.page
    if before.text or group.text or group.term or group.found or group.kind != "paragraph":
        return False
    if before.kind not in ("paragraph", "item", "step") or abs(last.size - first.size) > 0.1 * first.size:
        return False
    return not ENDS_SENTENCE.search(last.text) and (first.text[:1].islower() or last.text.endswith("-"))


# -- blocks


def _make_block(group: Group, hyphens: Hyphens) -> Block:
    lines = (*group.extra, *group.lines)
    return Block(
        kind=group.kind,
        text=_join_text(group, hyphens),
        page=lines[0].page,
        boxes=tuple(line.box for line in lines) if group.printed else (),
        level=group.level,
        header=group.header,
        is_doubtful=any(line.is_doubtful for line in lines),
    )


def _join_text(group: Group, hyphens: Hyphens) -> str:
    if group.text:
        return group.text
    if group.kind == "code":
        return _join_code(group.lines)
    first = group.lines[0].text
    if len(group.lines) > 1 and (is_label(first) or is_note_label(first)):
        return f"{first.rstrip(' :!')}: {hyphens.join_all(line.text for line in group.lines[1:])}"
    text = hyphens.join_all(line.text for line in group.lines)
    if group.term:
        return f"{group.term} – {text}"
    if group.found and (found := find_marker(text)):
        return format_item(found)
    return text


def _join_code(lines: Sequence[Line]) -> str:
    """Join lines of code, each indented as printed."""
    left = min(line.left for line in lines)
    rows = []
    for line in lines:
        width = max((line.right - line.left) / max(len(line.text), 1), 1.0)
        rows.append(" " * min(round((line.left - left) / width), 60) + line.text)
    return unwrap("\n".join(rows))


def unwrap(listing: str) -> str:
    """Join the lines of a listing that were wrapped to fit the page."""
    return _WRAPPED.sub("", _WRAPPED_AT_BLANK.sub(" ", listing))
