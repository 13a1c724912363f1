"""Chooses the lines of a passage that a question is about, where the screen has no space for all of them."""

from __future__ import annotations

import textwrap

from edge.text.words import Stems

CUT = "…"


def cut_excerpt(text: str, query: str, width: int, most: int) -> list[str]:
    """Return at most ``most`` lines in a row: those with most of the query's words, the first ones among equals.

    Args:
        width: of a line in characters. The marks of what was cut come on top of it.
    """
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, width)]
    if len(lines) <= most:
        return lines
    stems = Stems()
    wanted = set(stems.split_content(query))
    held = [wanted & set(stems.split(line)) for line in lines]
    starts = range(len(lines) - most + 1)
    start = max(
        starts, key=lambda at: (len(set().union(*held[at : at + most])), _count_words(held[at : at + most]))
    )
    chosen = lines[start : start + most]
    if start:
        chosen[0] = f"{CUT} {chosen[0]}"
    if start + most < len(lines):
        chosen[-1] = f"{chosen[-1]} {CUT}"
    return chosen


def _count_words(held: list[set[str]]) -> int:
    return sum(map(len, held))
