"""From the numbers a model knows its passages by to those that everybody else sees, while the text streams. Pure.

In a conversation passages keep the label they were first shown under; guards, screens and readers number them anew
each turn, best first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

MAX_INSIDE = 30
"""Characters between the brackets of a citation."""

NOTHING = "[999]"

_INSIDE = rf"[0-9 \t,;]{{1,{MAX_INSIDE}}}"
_CITATION = re.compile(rf"[\[【]({_INSIDE})[\]】]")
_BEGUN = re.compile(rf"[\[【][0-9 \t,;]{{0,{MAX_INSIDE}}}\Z")
_NUMBER = re.compile(r"[0-9]+")


def relabel(text: str, numbers: Mapping[int, int], passages: int) -> str:
    """Return the text with ``[6]`` as ``[2]`` where ``numbers`` leads from 6 to 2.

    A label that stands for nothing must not be read as another passage: it becomes one that no passage has, and the
    guard takes it away. One beyond all ``passages`` stays: it may be part of the text, such as the key in "press [9]".
    """

    def rewrite(match: re.Match[str]) -> str:
        labels = [int(n) for n in _NUMBER.findall(match[1])]
        known = [str(numbers[label]) for label in labels if label in numbers]
        if known:
            return "".join(f"[{n}]" for n in dict.fromkeys(known))
        return NOTHING if any(1 <= label <= passages for label in labels) else match[0]

    return _CITATION.sub(rewrite, text)


def relabel_stream(pieces: Iterable[str], numbers: Mapping[int, int], passages: int) -> Iterator[str]:
    """Relabel as `relabel` does, piece by piece: what may be the beginning of a citation waits for its end."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        begun = _BEGUN.search(waiting)
        end = begun.start() if begun else len(waiting)
        if ready := relabel(waiting[:end], numbers, passages):
            yield ready
        waiting = waiting[end:]
    if waiting:
        yield waiting


def invert(numbers: Mapping[int, int]) -> dict[int, int]:
    """Map numbers back to labels; the latest where there are several."""
    return {number: label for label, number in sorted(numbers.items())}
