"""The order of passages in a prompt, chosen so that its beginning was computed before. Pure.

The best passage stays first, since models read the beginning best; the others follow a list that was in use lately as
long as that names passages of this question, then come in their own order. A reader never sees this order: citations
carry the numbers of the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def arranged(wanted: Sequence[str], known: Iterable[Sequence[str]]) -> tuple[int, ...]:
    """Positions in ``wanted``, in the order to show them.

    Args:
        wanted: passages as the model reads them, best first.
        known: lists of such passages that were in use, the latest first.
    """
    positions = {text: n for n, text in reversed(list(enumerate(wanted)))}
    longest: list[int] = []
    for texts in known:
        common = _common(texts, positions)
        if common[:1] == [0] and _length(wanted, common) > _length(wanted, longest):
            longest = common
    return (*longest, *(n for n in range(len(wanted)) if n not in longest))


def _common(texts: Sequence[str], positions: dict[str, int]) -> list[int]:
    """The positions that a list begins with."""
    common: list[int] = []
    for text in texts:
        position = positions.get(text)
        if position is None or position in common:
            break
        common.append(position)
    return common


def _length(wanted: Sequence[str], positions: Sequence[int]) -> int:
    return sum(len(wanted[n]) for n in positions)
