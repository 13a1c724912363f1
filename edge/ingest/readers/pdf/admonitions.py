"""Warnings and notes set apart on the page: a box between rules, or a label beside the text it belongs to.

What merely starts with a signal word is found later, in the text (``readers.warnings``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.ingest.readers.pdf.lines import Line
from edge.ingest.readers.warnings import is_label, is_note_label, split_signal

MAX_LINES = 30
LOOSE = 1.7
"""Line spacing, in font sizes, up to which lines beside a label belong together."""


@dataclass(frozen=True, slots=True)
class Admonition:
    """Lines ``start`` to ``end``: the label, and the lines of its text in order."""

    start: int
    end: int
    label: str
    lines: tuple[Line, ...]


def find_admonitions(lines: Sequence[Line]) -> dict[int, Admonition]:
    """Find the admonitions, by the index of their first line."""
    found: dict[int, Admonition] = {}
    end = 0
    for index, line in enumerate(lines):
        if index < end or not _may_open(line):
            continue
        admonition = _find_boxed(lines, index) or _find_beside_label(lines, index, end)
        if admonition:
            found[admonition.start] = admonition
            end = admonition.end
    return found


def _may_open(line: Line) -> bool:
    first = line.cells[0].text
    return not line.mono and (_is_any_label(first) or split_signal(line.text) is not None)


def _is_any_label(text: str) -> bool:
    return is_label(text) or is_note_label(text)


def _are_together(above: Line, line: Line) -> bool:
    return (above.page, above.region) == (line.page, line.region)


# -- boxes between rules


def _find_boxed(lines: Sequence[Line], index: int) -> Admonition | None:
    """Find a box that goes from a rule above the signal word to the next rule."""
    first = lines[index]
    if not first.ruled or len(first.cells) > 2:
        return None
    end = next((i for i in range(index + 1, min(index + MAX_LINES, len(lines))) if lines[i].ruled), None)
    if end is None or any(not _are_together(first, line) for line in lines[index:end]):
        return None
    inner = lines[index + 1 : end]
    if any(line.size > 1.15 * first.size for line in inner):
        return None
    if _is_any_label(first.text):
        return Admonition(index, end, first.text, tuple(inner)) if inner else None
    signal = split_signal(first.text)
    return Admonition(index, end, signal[0], (_strip_signal(first, signal[1]), *inner)) if signal else None


def _strip_signal(line: Line, rest: str) -> Line:
    """Reduce the line to the text after its signal word."""
    return replace(line, cells=(replace(line.cells[-1], text=rest),))


# -- a label beside the text


def _find_beside_label(lines: Sequence[Line], index: int, floor: int) -> Admonition | None:
    """Find the lines to the right of a label, which may stand level with any of them or between two."""
    line = lines[index]
    label = line.cells[0]
    if not _is_any_label(label.text):
        return None
    own = [replace(line, cells=line.cells[1:])] if len(line.cells) > 1 else []
    left = own[0].left if own else None
    below = _collect_column(lines, range(index + 1, len(lines)), line, label.right, left)
    left = left if left is not None or not below else lines[below[0]].left
    above = _collect_column(lines, range(index - 1, floor - 1, -1), line, label.right, left)
    if not own and not (above and below) and not _is_level(lines, line, [*above, *below]):
        return None
    text = [*(lines[i] for i in reversed(above)), *own, *(lines[i] for i in below)]
    if not text:
        return None
    return Admonition(index - len(above), index + len(below) + 1, label.text, tuple(text))


def _collect_column(
    lines: Sequence[Line], indices: Sequence[int], label: Line, right: float, left: float | None
) -> list[int]:
    """Collect the lines next to the label, away from it, that keep right of it and close to each other."""
    found: list[int] = []
    before = label
    for index in indices[:MAX_LINES]:
        line = lines[index]
        beside = line.left > right and (left is None or abs(line.left - left) < 4 * line.size)
        if (
            not _are_together(label, line)
            or not beside
            or abs(line.baseline - before.baseline) > LOOSE * line.size
        ):
            break
        left = line.left if left is None else left
        found.append(index)
        before = line
    return found


def _is_level(lines: Sequence[Line], label: Line, indices: Sequence[int]) -> bool:
    """Return whether one of the lines overlaps the label in height."""
    return any(lines[i].top < label.bottom and lines[i].bottom > label.top for i in indices)
