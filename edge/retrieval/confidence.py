"""How likely it is that the passages answer the question."""

from __future__ import annotations

from collections.abc import Sequence

from edge.retrieval.ranking import Ranked

REFUSE_BELOW = 0.5
"""Answers less likely than this to be in the passages are refused."""


def confidence(best: Sequence[Ranked]) -> float:
    """Calibrated probability."""
    return 1.0 if best else 0.0
