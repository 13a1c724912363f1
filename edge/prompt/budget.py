"""What of the passages a model gets to read: those that say enough, as far as they fit.

The last passages go first, then the longest lose sentences at their ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.text.sentences import split_sentences
from edge.types import Passage

KEEP = 2
"""Passages that are shortened rather than dropped."""

RELEVANT = 0.3
"""A passage is sent to a language model when its chance to hold the answer is at least this share of the best one's."""

STRONG = 0.5
"""The same where most of a prompt is computed already, so that what is not must be worth it."""

Fits = Callable[[Sequence[Passage]], bool]


def choose_relevant(passages: Sequence[Passage], share: float | None = None) -> tuple[Passage, ...]:
    """Return the passages that are worth reading beside the best one, best first."""
    least = (RELEVANT if share is None else share) * max(map(_rate, passages), default=0.0)
    return tuple(sorted((p for p in passages if _rate(p) >= least), key=_rate, reverse=True))


def fit_passages(passages: Sequence[Passage], fits: Fits) -> tuple[Passage, ...]:
    """Return the passages, best first, as far as they fit; at the least the first sentence of the best one."""
    kept = tuple(passages)
    while len(kept) > KEEP and not fits(kept):
        kept = kept[:-1]
    while kept and not fits(kept):
        shorter = _shorten(kept)
        if shorter is None and len(kept) == 1:
            break
        kept = kept[:-1] if shorter is None else shorter
    return kept


def _rate(passage: Passage) -> float:
    """Return the chance that it holds the answer; its score where nobody has read it."""
    return passage.score if passage.chance is None else passage.chance


def _shorten(passages: Sequence[Passage]) -> tuple[Passage, ...] | None:
    """Return the longest passage without its second half of sentences; None when there is nothing left to cut."""
    longest = max(range(len(passages)), key=lambda i: len(passages[i].text))
    text = _take_first_half(passages[longest].text)
    if text is None:
        return None
    cut = replace(passages[longest], text=text)
    return (*passages[:longest], cut, *passages[longest + 1 :])


def _take_first_half(text: str) -> str | None:
    """Return the first half of the lines, or of the sentences where there is one line."""
    for parts, joiner in ((text.strip().split("\n"), "\n"), (split_sentences(text), " ")):
        if len(parts) > 1:
            return joiner.join(parts[: len(parts) // 2])
    return None
