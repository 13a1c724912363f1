"""The lines of a passage that a question is about, for a screen that has no room for all of them."""

from __future__ import annotations

import textwrap

from edge.text.words import Stems

CUT = "…"


def excerpt(text: str, query: str, width: int, most: int) -> list[str]:
    """At most ``most`` lines in a row, those that hold most of the query's words; the first such lines among equals.

    Args:
        width: of a line in characters, without the marks of what was cut.
    """
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, width)]
    if len(lines) <= most:
        return lines
    stems = Stems()
    wanted = set(stems.content(query))
    held = [wanted & set(stems.of(line)) for line in lines]
    starts = range(len(lines) - most + 1)
    start = max(
        starts, key=lambda at: (len(set().union(*held[at : at + most])), _weight(held[at : at + most]))
    )
    shown = lines[start : start + most]
    if start:
        shown[0] = f"{CUT} {shown[0]}"
    if start + most < len(lines):
        shown[-1] = f"{shown[-1]} {CUT}"
    return shown


def _weight(held: list[set[str]]) -> int:
    return sum(map(len, held))
