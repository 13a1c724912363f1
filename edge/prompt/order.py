"""The passages of a prompt and their order, chosen so that its beginning was computed before. Pure.

The best passage stays first, since models read the beginning best. Where it began a prompt lately, that prompt's list
is followed as far as it pays, with passages of it that this question did not find: they cost nothing but room. What is
not in it has to be computed and must be worth it, hence `STRONG`. A reader never sees this order: citations carry the
numbers of the evidence.

Gain: for questions whose best passage was another's before, the share of the prompt that is computed falls from .59 to
.37 (``python -m tests.bench.reuse``). Cost: up to as much text again in the context; of 432 labelled questions none
loses its page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge.prompt.budget import STRONG, choose_relevant
from edge.prompt.template import format_block
from edge.types import Passage

BORROWED = 1.0
"""Text of passages that the question did not find, as a share of that of those it found."""


def arrange(passages: Sequence[Passage], known: Iterable[Sequence[Passage]]) -> tuple[Passage, ...]:
    """Return the passages to show, in their order.

    Args:
        passages: what was found.
        known: lists that prompts began with, the latest first.
    """
    found = {_make_key(passage): passage for passage in reversed(passages)}
    best = choose_relevant(passages)
    first = _make_key(best[0]) if best else ()
    strong = choose_relevant(passages, STRONG)
    least = _join_texts(best)
    for known_list in known:
        if not best or not known_list or _make_key(known_list[0]) != first:
            continue
        for beginning in _find_beginnings(known_list, found):
            there = {_make_key(passage) for passage in beginning}
            missing = [passage for passage in strong if _make_key(passage) not in there]
            if _join_texts(missing) < least:
                least, best = _join_texts(missing), (*beginning, *missing)
    return best


def _find_beginnings(
    known: Sequence[Passage], found: dict[tuple[str, ...], Passage]
) -> Iterable[tuple[Passage, ...]]:
    """Return beginnings of a list that end with a passage that was found, as long as little of them is borrowed."""
    room = BORROWED * _join_texts(found.values())
    beginning: list[Passage] = []
    for passage in known:
        own = found.get(_make_key(passage))
        room -= 0 if own else len(passage.text)
        if room < 0:
            return
        beginning.append(own or passage)
        if own:
            yield tuple(beginning)


def _make_key(passage: Passage) -> tuple[str, ...]:
    return passage.pack, passage.version, format_block(passage)


def _join_texts(passages: Iterable[Passage]) -> int:
    return sum(len(passage.text) for passage in passages)
