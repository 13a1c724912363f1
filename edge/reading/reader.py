"""Which unit answers, and how surely: a small network over features, fitted on labelled questions. Pure.

Each unit of the best passages competes with the others and with the possibility that none of them answers, so that the
chances of a question add up to 1. ``tests/reader`` holds the questions, the manuals and the script that fits the
weights and judges them on manuals left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from edge.reading.asked import Asked, analyse
from edge.reading.candidates import PASSAGES, Candidate, list_candidates
from edge.reading.features import Features, Floats, read_features
from edge.reading.kinds import is_another_kind
from edge.retrieval.query import Query
from edge.types import Passage


@dataclass(frozen=True, slots=True)
class Reading:
    """A question read together with what was found for it.

    Attributes:
        asked: the question, taken apart.
        candidates: every unit that could answer.
        chances: of each candidate, that it answers (0 to 1).
        unanswered: the chance that none of them does.
    """

    asked: Asked
    candidates: Sequence[Candidate]
    chances: Sequence[float]
    unanswered: float

    @property
    def order(self) -> list[int]:
        """The indices of the candidates, the likeliest first."""
        return sorted(range(len(self.candidates)), key=lambda i: -self.chances[i])

    def rate_passages(self, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Return the passages that were read, each with the chance that one of its units answers."""
        chances = [0.0] * len(passages)
        for candidate, chance in zip(self.candidates, self.chances, strict=True):
            chances[candidate.n - 1] += chance
        return tuple(replace(p, chance=chance) for p, chance in zip(passages, chances, strict=True))


@dataclass(frozen=True, slots=True)
class Network:
    """Weights over standardised features: one hidden layer beside a linear part for units, linear for "none".

    Attributes:
        mean, deviation: of the unit features, shape ``(n,)``; ``question_mean``, ``question_deviation`` likewise.
        inner, inner_bias: of the hidden layer, shapes ``(n, hidden)`` and ``(hidden,)``.
        outer, direct: of the hidden layer and of the features, shapes ``(hidden,)`` and ``(n,)``.
        none, none_bias: of the question features, shape ``(m,)``, and a number.
    """

    mean: Floats
    deviation: Floats
    question_mean: Floats
    question_deviation: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    direct: Floats
    none: Floats
    none_bias: float

    def judge(self, features: Features) -> tuple[Floats, float]:
        """Return the chance of every unit, shape ``(n,)``, and the chance that none answers."""
        units = (features.units - self.mean) / self.deviation
        logits = np.tanh(units @ self.inner + self.inner_bias) @ self.outer + units @ self.direct
        none = (
            (features.question - self.question_mean) / self.question_deviation
        ) @ self.none + self.none_bias
        highest = max(float(logits.max(initial=-np.inf)), float(none))
        weights, rest = np.exp(logits - highest), float(np.exp(none - highest))
        total = float(weights.sum()) + rest
        return weights / total, rest / total


def read(text: str, query: Query, passages: Sequence[Passage]) -> Reading:
    """Read a question together with the passages found for it.

    Args:
        text: the question, standing alone.
        query: its words as they were searched for.
        passages: best first, each with the closeness of its units.
    """
    asked = analyse(text, query)
    candidates = list_candidates(passages[:PASSAGES])
    compared = any(passage.closeness for passage in passages)
    network = load_network("reader.json" if compared else "reader_by_words.json")
    return judge(network, asked, candidates, read_features(asked, candidates))


def judge(network: Network, asked: Asked, candidates: Sequence[Candidate], features: Features) -> Reading:
    """Return the chances that a network gives. A unit about another kind or number of the thing has none: what speaks
    for it speaks for no answer."""
    if not candidates:
        return Reading(asked, (), (), 1.0)
    chances, unanswered = network.judge(features)
    others = [is_another_kind(asked.text, candidate) for candidate in candidates]
    unanswered += sum(chance for chance, other in zip(chances.tolist(), others, strict=True) if other)
    kept = [0.0 if other else chance for chance, other in zip(chances.tolist(), others, strict=True)]
    return Reading(asked, candidates, kept, unanswered)


@cache
def load_network(name: str) -> Network:
    """Load a network that lies beside this module."""
    stored = json.loads((files("edge.reading") / name).read_text(encoding="utf-8"))
    bias = stored.pop("none_bias")
    return Network(
        **{key: np.array(value, dtype=np.float64) for key, value in stored.items()}, none_bias=bias
    )
