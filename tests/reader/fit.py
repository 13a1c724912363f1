"""Fit the network of ``edge.reading.reader``, judge it on manuals left out: ``python -m tests.reader.fit [--write]``.

Building the packs takes a quarter of an hour once, fitting some minutes on one core. ``--write`` stores the weights.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.reading.features import QUESTION_FEATURES, UNIT_FEATURES
from edge.reading.reader import Network
from tests.reader.collect import Example, collect
from tests.reader.judge import Tally, judge
from tests.reader.sources import build_pack, list_sources

HIDDEN = 16
DECAY = 3e-3
EPOCHS = 160
RATE = 0.03
WEIGHTS = Path(__file__).parents[2] / "edge" / "reading"

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def find_targets(example: Example) -> Floats:
    """Return 1 for each candidate that answers; all 0 where the right answer is that none does."""
    wanted = example.answerable and example.row.get("expect") != "refuse"
    return example.labels.astype(np.float64) if wanted else np.zeros(len(example.labels))


def fit(examples: Sequence[Example], seed: int = 0) -> Network:
    """Fit a network so that the candidates that answer, or "none", get most of the chance (Adam, full batch)."""
    examples = [example for example in examples if len(example.candidates)]
    units = np.concatenate([example.features.units for example in examples])
    questions = np.stack([example.features.question for example in examples])
    targets = np.concatenate([find_targets(example) for example in examples])
    lengths = np.array([len(example.candidates) for example in examples])
    starts, owner = np.r_[0, np.cumsum(lengths)[:-1]], np.repeat(np.arange(len(examples)), lengths)
    answered = np.add.reduceat(targets, starts) > 0
    mean, deviation = units.mean(0), units.std(0) + 1e-6
    question_mean, question_deviation = questions.mean(0), questions.std(0) + 1e-6
    units, questions = (units - mean) / deviation, (questions - question_mean) / question_deviation
    random = np.random.default_rng(seed)
    weights = {
        "inner": random.normal(0, 0.3 / np.sqrt(units.shape[1]), (units.shape[1], HIDDEN)),
        "inner_bias": np.zeros(HIDDEN),
        "outer": random.normal(0, 0.3, HIDDEN),
        "direct": np.zeros(units.shape[1]),
        "none": np.zeros(questions.shape[1]),
        "none_bias": np.zeros(1),
    }
    momentum = {name: np.zeros_like(value) for name, value in weights.items()}
    squares = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(1, EPOCHS + 1):
        hidden = np.tanh(units @ weights["inner"] + weights["inner_bias"])
        logits = hidden @ weights["outer"] + units @ weights["direct"]
        none = questions @ weights["none"] + weights["none_bias"][0]
        highest = np.maximum(np.maximum.reduceat(logits, starts), none)
        chance, rest = np.exp(logits - highest[owner]), np.exp(none - highest)
        total = np.add.reduceat(chance, starts) + rest
        chance, rest = chance / total[owner], rest / total
        right = np.add.reduceat(chance * targets, starts)
        share = np.where(answered[owner], chance * targets / np.maximum(right[owner], 1e-12), 0)
        of_units = (chance - share) / len(examples)
        of_none = (rest - ~answered) / len(examples)
        of_hidden = np.outer(of_units, weights["outer"]) * (1 - hidden * hidden)
        gradient = {
            "inner": units.T @ of_hidden + DECAY * weights["inner"],
            "inner_bias": of_hidden.sum(0),
            "outer": hidden.T @ of_units + DECAY * weights["outer"],
            "direct": units.T @ of_units + DECAY * weights["direct"],
            "none": questions.T @ of_none + DECAY * weights["none"],
            "none_bias": np.array([of_none.sum()]),
        }
        rate = RATE if step < 0.6 * EPOCHS else 0.3 * RATE
        for name, slope in gradient.items():
            momentum[name] = 0.9 * momentum[name] + 0.1 * slope
            squares[name] = 0.99 * squares[name] + 0.01 * slope**2
            corrected = momentum[name] / (1 - 0.9**step)
            weights[name] -= rate * corrected / (np.sqrt(squares[name] / (1 - 0.99**step)) + 1e-8)
    bias = float(weights.pop("none_bias")[0])
    return Network(mean, deviation, question_mean, question_deviation, **weights, none_bias=bias)


def write(network: Network, file: Path) -> None:
    """Store a network as JSON, its numbers rounded to five digits."""
    fields = {name: getattr(network, name) for name in Network.__dataclass_fields__}
    stored = {
        name: value if isinstance(value, float) else np.vectorize(lambda x: float(f"{x:.5g}"))(value).tolist()
        for name, value in fields.items()
    }
    file.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")


def drop_vectors(example: Example) -> Example:
    """Return an example as it looks where nothing was compared by vectors."""
    units, question = example.features.units.copy(), example.features.question.copy()
    units[:, [i for i, name in enumerate(UNIT_FEATURES) if "cosine" in name]] = 0
    question[[QUESTION_FEATURES.index(name) for name in ("best cosine", "best of both")]] = 0
    question[QUESTION_FEATURES.index("no cosine")] = 1
    features = type(example.features)(units, question)
    return Example(
        example.row, example.candidates, features, example.labels, example.answerable, example.search
    )


def main() -> None:
    """Collect, judge each group with a network fitted on the others, and fit on all."""
    groups: dict[int, dict[str, list[Example]]] = {}
    for source in list_sources():
        pack = build_pack(source.pack or source.name, source.documents)
        sets = groups.setdefault(source.group, {})
        sets.setdefault(source.name, []).extend(collect([pack], source.questions, source.pack))
    whole = Tally()
    print(Tally.HEAD)
    for left in groups:
        network = fit([e for group, sets in groups.items() if group != left for e in _flatten(sets)])
        for name, examples in groups[left].items():
            tally = judge(network, examples)
            whole += tally
            print(tally.format_line(name))
    print(whole.format_line("left out, together"))
    if "--write" in sys.argv:
        everything = [e for sets in groups.values() for e in _flatten(sets)]
        write(fit(everything), WEIGHTS / "reader.json")
        write(fit([drop_vectors(e) for e in everything]), WEIGHTS / "reader_by_words.json")


def _flatten(sets: dict[str, list[Example]]) -> list[Example]:
    return [example for examples in sets.values() for example in examples]


if __name__ == "__main__":
    main()
