"""Lines to blocks: paragraphs, list items, steps, code, table rows and warnings, joined across pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from edge.publish.document import Block, BlockKind
from edge.publish.readers.lists import Marker, item_text, marker
from edge.publish.readers.pdf.headings import Headings
from edge.publish.readers.pdf.lines import Line, _character_width  # noqa: F401
from edge.publish.readers.pdf.tables import Row, Table
from edge.publish.readers.warnings import is_note_label, split_signal, warning_text
from edge.types import Box

_ENDS_SENTENCE = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_HYPHENATED = re.compile(r"([^\W\d_]+)-$")


@dataclass(slots=True)
class _Group:
    """Lines that make one block. ``text_left`` is where the text of a list item starts."""

    kind: BlockKind
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    text: str = ""
    header: str = ""
    found: Marker | None = None
    text_left: float = 0.0
    extra: tuple[Line, ...] = ()


class Spacing:
    """Normal distance between the baselines of consecutive lines, by font size."""

    def __init__(self, lines: Sequence[Line]) -> None:
        deltas: dict[float, Counter[float]] = defaultdict(Counter)
        for above, line in zip(lines, lines[1:], strict=False):
            same = (above.page, above.region) == (line.page, line.region) and abs(above.size - line.size) < 0.3
            delta = line.baseline - above.baseline
            if same and 0.9 * line.size < delta < 2.2 * line.size:
                deltas[round(line.size)][round(delta * 2) / 2] += 1
        self._normal = {size: count.most_common(1)[0][0] for size, count in deltas.items() if count.total() >= 3}

    def of(self, line: Line) -> float:
        """Points from one baseline to the next within a paragraph."""
        return self._normal.get(round(line.size), 1.2 * line.size)


class Hyphens:
    """Whether a word broken at a line end is one word, judged by the words of the document."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._words: set[str] = set()
        for line in lines:
            self._words.update(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", line.text.casefold()))

    def join(self, before: str, after: str) -> str:
        """Join two lines of a paragraph."""
        match = _HYPHENATED.search(before)
        tail = re.match(r"[^\W\d_]+", after)
        if not match or not tail or not tail[0][0].islower():
            glue = "" if before.endswith("-") and len(before) > 1 and before[-2].isalnum() else " "
            return before + glue + after
        whole, hyphenated = (match[1] + tail[0]).casefold(), f"{match[1]}-{tail[0]}".casefold()
        if hyphenated in self._words and whole not in self._words:
            return before + after
        return before[:-1] + after


def build_blocks(lines: Sequence[Line], headings: Headings, tables: Sequence[Table]) -> list[Block]:
    """Turn the lines of a document into blocks in reading order."""
    hyphens, spacing = Hyphens(lines), Spacing(lines)
    groups = _grouped(lines, headings, {t.start: t for t in tables}, spacing, hyphens)
    joined = _joined_across_pages(groups)
    blocks = [_block(group, hyphens) for group in joined]
    return _with_warnings([b for b in blocks if b.text], joined)


def _grouped(
    lines: Sequence[Line], headings: Headings, tables: dict[int, Table], spacing: Spacing, hyphens: Hyphens
) -> list[_Group]:
    groups: list[_Group] = []
    index = 0
    fresh = True
    while index < len(lines):
        used = 0
        for heading in headings.get(index, ()):
            taken = lines[index + used : index + used + heading.lines]
            used += heading.lines
            groups.append(_Group("heading", list(taken) or [lines[index]], heading.level, heading.text))
        if used == 0 and index in tables and index not in headings:
            groups += _table_groups(tables[index], hyphens)
            used = tables[index].end - index
        if used:
            index, fresh = index + used, True
            continue
        line = lines[index]
        if fresh or groups[-1].kind in ("heading", "row") or _starts_group(groups[-1], line, spacing):
            groups.append(_new_group(line, groups))
        else:
            groups[-1].lines.append(line)
        index, fresh = index + 1, False
    return groups


def _table_groups(table: Table, hyphens: Hyphens) -> list[_Group]:
    """One group a row. Two columns, the second one prose, are definitions and read as text."""
    header = table.header.text if table.header else ""
    groups = []
    for number, row in enumerate(table.rows):
        extra = table.header.lines if table.header and number == 0 else ()
        if _is_definition(table):
            text = " – ".join(cell for cell in row.cells if cell)
            groups.append(_Group("paragraph", list(row.lines), text=_dehyphenate(text, hyphens)))
        else:
            groups.append(
                _Group("row", list(row.lines), text=_dehyphenate(row.text, hyphens), header=header, extra=extra)
            )
    return groups


def _dehyphenate(text: str, hyphens: Hyphens) -> str:
    return re.sub(r"(\w+-) (\w+)", lambda m: hyphens.join(m[1], m[2]), text)


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
    return _Group("code" if line.mono else "paragraph", [line])


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
    first = line.text.split(" ", 1)[0]
    return above.right + (0.5 * len(first) + 1.0) * line.size < above.measure


def _runs_on(above: Line, line: Line) -> bool:
    return not _fits(above, line) and not _ENDS_SENTENCE.search(above.text)


def _ends_early(above: Line, line: Line) -> bool:
    if not _fits(above, line):
        return False
    return bool(_ENDS_SENTENCE.search(above.text)) or not line.text[:1].islower()


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
        return shift > 0.8 * indent and not hangs and _fits(above, line)
    return shift < -1.5 * indent or (shift > 0.8 * indent and not _runs_on(above, line))


# -- across pages


def _joined_across_pages(groups: list[_Group]) -> list[_Group]:
    """Join a paragraph or item that a page or column break cut in two."""
    joined: list[_Group] = []
    for group in groups:
        before = joined[-1] if joined else None
        if before and _goes_on(before, group):
            before.lines += group.lines
        else:
            joined.append(group)
    return joined


def _goes_on(before: _Group, group: _Group) -> bool:
    last, first = before.lines[-1], group.lines[0]
    if (last.page, last.region) == (first.page, first.region) or first.page - last.page > 1:
        return False
    if before.text or group.text or before.header or group.found or group.kind != "paragraph":
        return before.kind == group.kind == "code" and last.page != first.page and False
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
    text = group.lines[0].text
    for line in group.lines[1:]:
        text = hyphens.join(text, line.text)
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
    return "\n".join(rows)


# -- warnings


def _with_warnings(blocks: list[Block], groups: list[_Group]) -> list[Block]:
    """Make one block of every safety warning: its signal word and the text that belongs to it."""
    result: list[Block] = []
    index = 0
    while index < len(blocks):
        block = blocks[index]
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        if block.kind in ("paragraph", "row") and following and is_note_label(block.text) and _is_text(following):
            result.append(_merge("paragraph", f"{block.text.rstrip(' :')}: {following.text}", [block, following]))
            index += 2
            continue
        signal = split_signal(block.text.replace(" | ", " ", 1)) if block.kind not in ("heading", "code") else None
        if signal is None:
            result.append(block)
            index += 1
            continue
        parts = [block]
        if not signal[1]:
            parts += blocks[index + 1 : index + 2] if following and _is_text(following) else []
        while len(parts) < 8 and parts[-1].text.endswith(":") | (parts[-1].kind == "item") and _next_item(blocks, index, parts):
            parts.append(blocks[index + len(parts)])
        texts = ([signal[1]] if signal[1] else []) + [part.text for part in parts[1:]]
        result.append(_merge("warning", warning_text(signal[0], " ".join(texts)), parts))
        index += len(parts)
    return result


def _is_text(block: Block) -> bool:
    return block.kind in ("paragraph", "item", "step")


def _next_item(blocks: list[Block], index: int, parts: list[Block]) -> bool:
    following = index + len(parts)
    return following < len(blocks) and blocks[following].kind == "item"


def _merge(kind: BlockKind, text: str, parts: Sequence[Block]) -> Block:
    boxes: tuple[Box, ...] = tuple(box for part in parts for box in part.boxes)
    return replace(parts[0], kind=kind, text=text, boxes=boxes, header="", level=0)
