"""A second opinion on the order of the best passages, by a model that reads question and passage together.

The order is pure; asking the model is not, and never holds the evidence up: it has a time limit, and a model that
fails or is too slow for this machine is left alone for a while. How sure the answer is stays as it was, since that was
calibrated without a reranker.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.engine.interface import Reranker
from edge.errors import EdgeError
from edge.retrieval.ranking import Ranked
from edge.types import Passage

CANDIDATES = 16
"""Passages that are read again, as far as the time allows (``rerank_ms``): a model of the shape of MiniLM-L6 takes one
core 61 ms for 110 words (``python -m tests.bench.rerank``), so that two cores read about four in 150 ms."""
WEIGHT = 0.7
"""Share of the reranker in the order of what it has read: a choice, not fitted to any model."""
PATIENCE = 3
"""So often in a row it may have read fewer than two passages in its time."""
PAUSE_S = 60.0
"""For so long it is not asked when it failed or was too slow."""

_log = logging.getLogger(__name__)


class Reranking:
    """Asks a reranker, and does without it when it fails. Safe to use from several threads.

    Args:
        reranker: what reads question and passage together.
        limit_s: seconds it has for all passages of a question; 0 for as many as it takes.
        clock: seconds that never go backwards.
    """

    def __init__(
        self, reranker: Reranker, limit_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reranker, self._limit_s, self._clock = reranker, limit_s, clock
        self._lock = threading.Lock()  # over what follows
        self._late = 0
        self._paused_until = 0.0

    def order(self, question: str, best: Sequence[Ranked]) -> list[Ranked]:
        """Return the passages best first, the first few as the reranker sees them."""
        if len(best) < 2 or self._clock() < self._paused_until:
            return list(best)
        texts = [format_passage(ranked.passage) for ranked in best[:CANDIDATES]]
        try:
            scores = self._reranker.score(question, texts, self._limit_s or None)
        except EdgeError as error:
            self._pause(error.message)
            return list(best)
        self._judge(len(scores))
        return blend(best, scores)

    def _judge(self, done: int) -> None:
        """Judge whether it is worth asking again."""
        with self._lock:
            self._late = 0 if done > 1 else self._late + 1
            too_slow = self._late >= PATIENCE
        if too_slow:
            self._pause(
                f"It read fewer than two passages in {self._limit_s * 1000:.0f} ms, {PATIENCE} times in a row."
            )

    def _pause(self, reason: str) -> None:
        with self._lock:
            self._late, self._paused_until = 0, self._clock() + PAUSE_S
        _log.warning("The reranker %s is not used for %.0f s: %s", self._reranker.name, PAUSE_S, reason)


def format_passage(passage: Passage) -> str:
    """Return what the reranker gets to read: the passage under its heading."""
    return f"{passage.heading}\n{passage.text}" if passage.heading else passage.text


def blend(best: Sequence[Ranked], scores: Sequence[float]) -> list[Ranked]:
    """Return the passages in the order of both scores; those that the reranker has not read stay behind the others.

    Args:
        best: best first.
        scores: of the first ones; only their differences count, spread over the range that the fused scores have.
    """
    read, unread = best[: len(scores)], best[len(scores) :]
    if len(read) < 2:
        return list(best)
    fused = [ranked.passage.score for ranked in read]
    low, height = min(scores), max(scores) - min(scores)
    spread = max(fused) - min(fused)
    if not height:
        return list(best)
    both = [
        (1 - WEIGHT) * old + WEIGHT * (min(fused) + spread * (new - low) / height)
        for old, new in zip(fused, scores, strict=True)
    ]
    order = sorted(range(len(read)), key=lambda i: (-both[i], -scores[i]))
    return [
        replace(read[i], passage=replace(read[i].passage, score=round(both[i], 4))) for i in order
    ] + list(unread)
