"""Reading order: divide the words of a page into columns.

Text runs become segments, segments are divided at gutters, and what comes out are regions in the order they are read.
A gutter is told from the gap inside a table by prose on both sides, and by a content stream that finishes the
left side before it starts the right one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from edge.ingest.readers.pdf.words import Word

MIN_LINES = 5
MIN_GUTTER = 7.0


@dataclass(slots=True)
class Segment:
    """Words that follow each other on one line of the content stream. ``order`` is its place in the stream."""

    words: list[Word]
    order: int
    left: float
    top: float
    right: float
    bottom: float


def join_segments(words: Sequence[Word]) -> list[Segment]:
    """Join neighbouring words of one line until a gap wider than justified text has."""
    found: list[Segment] = []
    for word in words:
        if found and _continues(found[-1].words[-1], word):
            last = found[-1]
            last.words.append(word)
            last.right = max(last.right, word.right)
            last.top, last.bottom = min(last.top, word.top), max(last.bottom, word.bottom)
        else:
            found.append(Segment([word], len(found), word.left, word.top, word.right, word.bottom))
    return found


def _continues(before: Word, after: Word) -> bool:
    size = max(before.size, after.size)
    return (
        abs(before.baseline - after.baseline) <= 0.45 * size
        and -0.5 * size <= after.left - before.right <= 1.3 * size
    )


def divide_regions(parts: list[Segment], depth: int = 0) -> list[list[Segment]]:
    """Divide segments into regions in reading order; inside a region plain top-to-bottom order holds."""
    gutter = _find_gutter(parts) if depth < 6 else None
    if gutter is None:
        return [parts] if parts else []
    x, top, bottom = gutter
    above = [s for s in parts if s.bottom <= top]
    below = [s for s in parts if s.top >= bottom and s.bottom > top]
    within = [s for s in parts if s.bottom > top and s.top < bottom]
    left = [s for s in within if s.left < x]
    right = [s for s in within if s.left >= x]
    return [
        *divide_regions(above, depth + 1),
        *divide_regions(left, depth + 1),
        *divide_regions(right, depth + 1),
        *divide_regions(below, depth + 1),
    ]


def _find_gutter(parts: list[Segment]) -> tuple[float, float, float] | None:
    """Return the tallest gutter: its x and its top and bottom."""
    if len(parts) < 2 * MIN_LINES:
        return None
    left, right = min(s.left for s in parts), max(s.right for s in parts)
    starts = Counter(round(s.left / 2) for s in parts if left + 0.15 * (right - left) < s.left < right - 30)
    best: tuple[int, tuple[float, float, float]] | None = None
    for start, count in starts.most_common(6):
        if count + starts[start - 1] + starts[start + 1] < MIN_LINES:
            break
        window = _find_window(parts, start * 2 - 2.5)
        if window and (best is None or len(window) > best[0]):
            top, bottom = min(s.top for s in window), max(s.bottom for s in window)
            best = len(window), (start * 2 - 2.5, top, bottom)
    return best[1] if best else None


def _find_window(parts: list[Segment], x: float) -> list[Segment]:
    """Return the longest run of segments that do not cross ``x``, if it reads as two columns."""
    runs: list[list[Segment]] = [[]]
    for segment in sorted(parts, key=lambda s: s.top):
        if segment.left < x and segment.right > x - MIN_GUTTER + 2:
            runs.append([])
        else:
            runs[-1].append(segment)
    run = max(runs, key=len)
    left, right = [s for s in run if s.left < x], [s for s in run if s.left >= x]
    return run if _reads_as_columns(left, right) else []


def _reads_as_columns(left: list[Segment], right: list[Segment]) -> bool:
    fewer = min(len(left), len(right))
    if fewer < MIN_LINES or not _are_side_by_side(left, right):
        return False
    sides = [s.left >= right[0].left - 20 for s in sorted([*left, *right], key=lambda s: s.order)]
    alternations = sum(a != b for a, b in pairwise(sides))
    fill = min(_measure_fill(left), _measure_fill(right))
    words = min(median(len(s.words) for s in left), median(len(s.words) for s in right))
    if words < 3:
        return False
    return (alternations <= 0.25 * fewer and fill >= 0.4) or (fewer >= 2 * MIN_LINES and fill >= 0.8)


def _are_side_by_side(left: list[Segment], right: list[Segment]) -> bool:
    top = max(min(s.top for s in left), min(s.top for s in right))
    bottom = min(max(s.bottom for s in left), max(s.bottom for s in right))
    shorter = min(max(s.bottom for s in side) - min(s.top for s in side) for side in (left, right))
    return bottom - top > 0.4 * shorter


def _measure_fill(side: list[Segment]) -> float:
    """Return the part of the column's width that its median line takes."""
    width = max(s.right for s in side) - min(s.left for s in side)
    return median(s.right - s.left for s in side) / max(width, 1.0)
