"""Spelling slips: words that a pack does not have, matched to words that it has.

Only words unknown to both the packs and ordinary English are touched: nothing holds the original, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

MIN_LENGTH = 4


def find_corrections(
    unknown: Sequence[str],
    vocabulary: Mapping[str, int],
    is_english: Callable[[Sequence[str]], Sequence[bool]],
) -> dict[str, str]:
    """Return the likeliest word of the vocabulary (word to number of chunks) for each unknown word that has one.

    One slip is allowed, from eight letters on two; the first letter must be right, as it nearly always is.
    ``is_english`` tells of each word whether it is an ordinary word rather than a slip.
    """
    candidates = [
        word for word in unknown if len(word) >= MIN_LENGTH and word.isalpha() and word not in vocabulary
    ]
    if not candidates:
        return {}
    slips = [word for word, english in zip(candidates, is_english(candidates), strict=True) if not english]
    found = {word: _find_nearest(word, vocabulary) for word in slips}
    return {word: near for word, near in found.items() if near is not None}


def _find_nearest(word: str, vocabulary: Mapping[str, int]) -> str | None:
    allowed = 1 if len(word) < 8 else 2
    near = process.extract(
        word,
        [known for known in vocabulary if known[:1] == word[:1] and abs(len(known) - len(word)) <= allowed],
        scorer=OSA.distance,
        score_cutoff=allowed,
        limit=None,
    )
    if not near:
        return None
    return min(near, key=lambda match: (match[1], -vocabulary[match[0]], match[0]))[0]
