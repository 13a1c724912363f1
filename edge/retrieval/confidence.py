"""How likely it is that the passages answer the question."""

from __future__ import annotations


def confidence(ranking, passages) -> float:
    return 1.0
