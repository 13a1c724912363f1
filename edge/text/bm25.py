"""BM25 over a small collection in memory, by rank-bm25, with weights of words that were counted elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def score(corpus: Sequence[Sequence[str]], query: Sequence[str], weights: Mapping[str, float]) -> list[float]:
    """Return the score of each token list for the query's tokens.

    Args:
        weights: inverse frequency of each token, counted over a larger collection than ``corpus``.
    """
    from rank_bm25 import BM25Okapi

    # Only the query's tokens are counted, which saves most of the time; lengths are those of the whole texts.
    wanted = set(query)
    counted = [[token for token in tokens if token in wanted] for tokens in corpus]
    if not any(counted):
        return [0.0] * len(corpus)
    ranker = BM25Okapi(counted, k1=1.2, b=0.75)
    ranker.doc_len = [len(tokens) for tokens in corpus]
    ranker.avgdl = sum(ranker.doc_len) / len(corpus)
    ranker.idf = dict(weights)
    return [float(value) for value in ranker.get_scores(list(query))]


def compute_idf(holding: int, total: int) -> float:
    """Weight of a token that ``holding`` of ``total`` texts contain; never negative."""
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))
