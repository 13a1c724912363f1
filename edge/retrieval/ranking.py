"""The order of passages: keyword and vector relevance of whole passages, fused. Pure.

Scoring passages rather than the chunks they grew from gains a point of nDCG on Cranfield and loses none on SQuAD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.retrieval.fusion import fuse
from edge.retrieval.keyword import CODE_MARK
from edge.retrieval.query import Query
from edge.text import bm25
from edge.text.identifiers import find_identifiers, normalise
from edge.text.words import find_content_words, split_words
from edge.types import Passage

DENSE_WEIGHT = 0.6
"""Share of the vectors in the order of passages: higher than while looking for chunks, since sentences are compared.

Flat from 0.5 to 0.7 on the manuals tried.
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage to rank: its tokens, and the best cosine of its chunks (None: the vector arm did not find it)."""

    passage: Passage
    tokens: tuple[str, ...]
    dense: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage with its fused score inside, and what made it: its tokens, BM25 and cosine."""

    passage: Passage
    tokens: frozenset[str]
    keyword: float
    dense: float


def is_lookup(question: str, best: Sequence[Ranked]) -> bool:
    """Tell whether somebody typed only codes or one number (``E-207``, ``#3001``) that the best passage holds."""
    if not best:
        return False
    codes, words = find_identifiers(question), split_words(question)
    if not codes:
        return len(words) == 1 and words[0].isdigit() and words[0] in best[0].tokens
    spoken = {normalise("".join(each)) for each in (words, find_content_words(question))}
    return "".join(codes) in spoken and all(CODE_MARK + code in best[0].tokens for code in codes)


def rank_passages(candidates: Sequence[Candidate], query: Query) -> list[Ranked]:
    """Return the candidates best first."""
    weights = {**query.expansion, **query.weights}
    lexical = bm25.score([c.tokens for c in candidates], list(weights), weights)
    keyword = {i: score for i, score in enumerate(lexical) if score > 0}
    dense = {i: c.dense for i, c in enumerate(candidates) if c.dense is not None}
    # A pack without comparable vectors is judged by its words, or it would never come before one that has some.
    by_words = {i: score for i, score in fuse(keyword, {}).items() if i not in dense}
    fused = fuse(keyword, dense, DENSE_WEIGHT) | by_words
    return [
        Ranked(
            replace(candidates[i].passage, score=round(score, 4)),
            frozenset(candidates[i].tokens),
            keyword.get(i, 0.0),
            dense.get(i, 0.0),
        )
        for i, score in sorted(fused.items(), key=lambda item: -item[1])
    ]
