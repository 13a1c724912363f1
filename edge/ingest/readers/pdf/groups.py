"""Groups of lines that make one block: paragraphs, list items, steps and code, by gaps, indents and markers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edge.ingest.document import BlockKind
from edge.ingest.readers.lists import Marker, find_marker
from edge.ingest.readers.pdf.lines import Line
from edge.ingest.readers.warnings import is_label, split_signal

ENDS_SENTENCE = re.compile(r"[.!?:;…][\"'”’)\]]*$")


@dataclass(slots=True)
class Group:
    """Lines that make one block.

    ``text`` is set where joining the lines would not give it; ``term`` is what the text explains, and ``extra`` are
    lines whose text stands elsewhere (that term, a header row). ``warns`` marks a safety warning, which ends at white
    space only. A heading that is not ``printed`` is known from the outline alone.
    """

    kind: BlockKind
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    text: str = ""
    header: str = ""
    found: Marker | None = None
    warns: bool = False
    term: str = ""
    extra: tuple[Line, ...] = ()
    printed: bool = True


class Spacing:
    """The normal distance between the baselines of consecutive lines, by font size."""

    def __init__(self, lines: Sequence[Line]) -> None:
        deltas: dict[float, Counter[float]] = defaultdict(Counter)
        for above, line in pairwise(lines):
            same = (above.page, above.region) == (line.page, line.region) and abs(
                above.size - line.size
            ) < 0.3
            delta = line.baseline - above.baseline
            if same and 0.9 * line.size < delta < 2.2 * line.size:
                deltas[round(line.size)][round(delta * 2) / 2] += 1
        self._normal = {
            size: count.most_common(1)[0][0] for size, count in deltas.items() if count.total() >= 3
        }

    def get_distance(self, line: Line) -> float:
        """Return the points from one baseline to the next within a paragraph."""
        return self._normal.get(round(line.size), 1.2 * line.size)


def open_group(line: Line, groups: list[Group]) -> Group:
    """Return the group that a line opens, after the groups before it."""
    found = None if line.mono else find_marker(line.text)
    if found and found.kind == "step" and not _is_plausible(found, groups):
        found = None
    if found:
        return Group(found.kind, [line], found=found)
    warns = split_signal(line.text) is not None or (bool(groups) and _is_bare_label(groups[-1]))
    return Group("code" if line.mono else "paragraph", [line], warns=warns and not line.mono)


def _is_bare_label(group: Group) -> bool:
    return group.kind == "paragraph" and len(group.lines) == 1 and is_label(group.lines[0].text)


def _is_plausible(found: Marker, groups: list[Group]) -> bool:
    """Return whether a numbered step starts a list, or follows the step before it."""
    if found.number in (1, 101):
        return True
    for group in reversed(groups[-30:]):
        if group.kind == "heading":
            break
        before = group.found
        if before and before.kind == "step" and 0 < found.number - before.number <= 2:
            return True
    return False


def starts_group(group: Group, line: Line, spacing: Spacing) -> bool:
    """Return whether the line opens a new group rather than going on with this one."""
    above = group.lines[-1]
    if (above.page, above.region) != (line.page, line.region) or line.baseline <= above.baseline:
        return True
    normal = spacing.get_distance(line)
    gap = line.baseline - above.baseline
    if group.kind == "code":
        return not line.mono or gap > (1.6 if line.ruled else 2.6) * normal
    if line.ruled or gap > 1.28 * normal + 1 or abs(line.size - above.size) > 0.12 * line.size:
        return True
    if line.mono and not _is_inline_code(above, line):
        return True
    if group.warns:
        return find_marker(line.text) is not None
    if above.bold and not line.bold and all(each.bold for each in group.lines) and _fits(above, line):
        return True
    if _starts_item(group, above, line):
        return True
    return _breaks_indent(group, above, line) or _ends_early(above, line)


def _starts_item(group: Group, above: Line, line: Line) -> bool:
    """Return whether the line opens a list item, and is not prose that begins with a dash or a number."""
    found = find_marker(line.text)
    if not found or (not group.found and _runs_on(above, line)):
        return False
    return found.kind == "item" or group.found is not None or found.number in (1, 101)


def _is_inline_code(above: Line, line: Line) -> bool:
    """Return whether a line in a fixed pitch is the next line of a paragraph and not a listing."""
    return not above.mono and abs(above.left - line.left) < line.size and not _fits(above, line)


def _fits(above: Line, line: Line) -> bool:
    """Return whether the first word of the line would have fitted onto the line above: then the break was meant."""
    return above.right + line.lead + 0.4 * line.size < above.measure


def _runs_on(above: Line, line: Line) -> bool:
    return not _fits(above, line) and not ENDS_SENTENCE.search(above.text)


def _ends_early(above: Line, line: Line) -> bool:
    if not _fits(above, line):
        return False
    short = above.right < above.measure - 0.35 * (above.measure - above.left)
    return bool(ENDS_SENTENCE.search(above.text)) or (short and not line.text[:1].islower())


def _breaks_indent(group: Group, above: Line, line: Line) -> bool:
    indent = line.size
    start = group.lines[0]
    if group.found:
        outdented = line.left < start.left - 0.5 * indent
        return outdented or (
            len(group.lines) == 1 and line.left < start.left + 0.2 * indent and _fits(above, line)
        )
    shift = line.left - above.left
    if len(group.lines) > 1:
        return shift < -1.5 * indent or (shift > 0.8 * indent and not _runs_on(above, line))
    if shift <= 0:
        return shift < -6 * indent
    hangs = len(above.cells) > 1 and abs(above.cells[-1].left - line.left) < 0.5 * indent
    return shift > 0.8 * indent and not hangs and (_fits(above, line) or len(above.cells) > 1)
