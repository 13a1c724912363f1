"""Fit the weights of ``edge.reading.answerable`` and judge them on collections they were not fitted on.

python -m tests.bench.calibrate PACK.kpack=QUESTIONS.jsonl ...
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.app import make_embedder
from edge.config import load_settings
from edge.evaluation import load_questions
from edge.packs.pack import Pack
from edge.reading.answerable import REFUSE_BELOW, Signals, read_signals
from edge.retrieval.retriever import Retriever

Floats = NDArray[np.float64]
STRENGTH = 2.0
"""Of the regularisation (L2 on standardised signals)."""


def collect(pack: Path, questions: Path, by_meaning: bool) -> tuple[Floats, Floats]:
    """Signals of every question, shape ``(n, 7)``, and whether it is answerable, shape ``(n,)``."""
    labelled = load_questions(questions)
    with (
        Pack.open(pack) as opened,
        closing(make_embedder(load_settings())) as embedder,
        closing(Retriever(lambda: [opened], embedder if by_meaning else None)) as retriever,
    ):
        searches = [retriever.search(item.question, 10) for item in labelled]
    seen = [read_signals(found.evidence.query, found.query, found.ranked) for found in searches]
    return np.array([astuple(s) for s in seen]), np.array([float(item.answerable) for item in labelled])


def fit(signals_: Floats, answerable: Floats) -> Floats:
    """Weights and, last, the bias of a logistic regression by Newton's method, both classes counting the same."""
    mean, deviation = signals_.mean(0), signals_.std(0) + 1e-9
    rows = np.c_[(signals_ - mean) / deviation, np.ones(len(signals_))]
    share = answerable.mean()
    importance = np.where(answerable == 1, 0.5 / share, 0.5 / (1 - share))
    penalty = STRENGTH * np.r_[np.ones(rows.shape[1] - 1), 0]
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-rows @ weights))
        gradient = rows.T @ (importance * (p - answerable)) + penalty * weights
        hessian = (rows * (importance * p * (1 - p))[:, None]).T @ rows + np.diag(penalty + 1e-9)
        weights -= np.linalg.solve(hessian, gradient)
    scaled = weights[:-1] / deviation
    return np.r_[scaled, weights[-1] - scaled @ mean]


def predict(weights: Floats, signals_: Floats) -> Floats:
    """Probability that each question is answerable."""
    probability: Floats = 1 / (1 + np.exp(-signals_ @ weights[:-1] - weights[-1]))
    return probability


def refusals(probability: Floats, answerable: Floats, threshold: float) -> tuple[float, float, float]:
    """Precision and recall of refusing, and the share of answerable questions that are refused."""
    refused, unanswerable = probability < threshold, answerable == 0
    right = (refused & unanswerable).sum()
    return right / max(refused.sum(), 1), right / max(unanswerable.sum(), 1), refused[~unanswerable].mean()


def main() -> None:
    """Print the tables and the weights, with vectors and without."""
    for by_meaning in (True, False):
        print("with vectors" if by_meaning else "by words alone")
        _report(
            {
                Path(pair.split("=")[0]).stem: collect(*map(Path, pair.split("=")), by_meaning)
                for pair in sys.argv[1:]
            }
        )


def _report(sets: dict[str, tuple[Floats, Floats]]) -> None:
    print(f"{'judged on':16s} {'questions':>9s} {'precision':>9s} {'recall':>7s} {'refused wrongly':>15s}")
    left_out = {
        name: (predict(_fit_all([value for key, value in sets.items() if key != name]), rows), answerable)
        for name, (rows, answerable) in sets.items()
    }
    together = tuple(np.concatenate(column) for column in zip(*left_out.values(), strict=True))
    for name, (probability, answerable) in (*left_out.items(), ("together", together)):
        precision, recall, wrongly = refusals(probability, answerable, REFUSE_BELOW)
        print(f"{name:16s} {len(answerable):9d} {precision:9.2f} {recall:7.2f} {wrongly:15.2f}")
    names = [*(field.name for field in fields(Signals)), "BIAS"]
    for name, weight in zip(names, _fit_all(list(sets.values())), strict=True):
        print(f"{name:16s} {weight:7.2f}")


def _fit_all(sets: list[tuple[Floats, Floats]]) -> Floats:
    return fit(np.concatenate([rows for rows, _ in sets]), np.concatenate([labels for _, labels in sets]))


if __name__ == "__main__":
    main()
