"""Choosing tokens from logits, without a model."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from edge.engine.interface import Sampling
from edge.engine.process.frames import RequestError
from edge.engine.worker import sampler
from edge.engine.worker.binding import L
from edge.engine.worker.sampler import Candidates, Sampler, list_alternatives, make_grammar

SIZE = 1000
LOGITS = np.full(SIZE, -40, np.float32)
LOGITS[[7, 300, 999]] = np.log([0.6, 0.3, 0.1]).astype(np.float32)


class Vocabulary:
    """Of a model that is not needed here."""

    vocab = None


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(L, "llama_vocab_n_tokens", lambda _vocab: SIZE)

    def call(times: int = 300, **fields: Any) -> Counter[int]:
        chosen = Sampler(Vocabulary(), Sampling(**fields), 64, Candidates(SIZE))  # type: ignore[arg-type]
        try:
            return Counter(chosen.choose(LOGITS) for _ in range(times))
        finally:
            chosen.close()
            chosen.close()

    return call


def test_the_likeliest_is_taken_at_temperature_zero(draw: Any) -> None:
    assert draw() == {7: 300}


def test_at_temperature_one_tokens_come_as_often_as_the_model_thinks(draw: Any) -> None:
    counts = draw(2000, temperature=1.0, seed=1)
    assert set(counts) == {7, 300, 999}
    assert counts[7] == pytest.approx(1200, abs=100)
    assert counts[300] == pytest.approx(600, abs=100)


def test_a_hotter_model_takes_more_chances(draw: Any) -> None:
    assert (
        draw(temperature=3.0, seed=1)[7] < draw(temperature=1.0, seed=1)[7] < draw(temperature=0.5, seed=1)[7]
    )


@pytest.mark.parametrize(
    ("fields", "left"),
    [({"top_k": 2}, {7, 300}), ({"top_p": 0.8}, {7, 300}), ({"min_p": 0.4}, {7, 300}), ({"min_p": 0.6}, {7})],
)
def test_filters_leave_the_likeliest(draw: Any, fields: dict[str, float], left: set[int]) -> None:
    assert set(draw(temperature=1.0, seed=2, **fields)) == left


def test_what_was_said_often_is_said_less(draw: Any) -> None:
    counts = draw(40, frequency_penalty=0.1)
    assert len(counts) > 1


def test_the_same_seed_draws_the_same(draw: Any) -> None:
    assert draw(30, temperature=1.0, seed=-1) == draw(30, temperature=1.0, seed=-1)


def test_likelihoods_are_those_of_the_model() -> None:
    logprob, others = list_alternatives(LOGITS, 300, 2)
    assert np.exp(logprob) == pytest.approx(0.3, abs=1e-4)
    assert [token for token, _ in others] == [7, 300]
    assert len(list_alternatives(LOGITS, 7, 5000)[1]) == SIZE
    assert list_alternatives(LOGITS, 7, 0)[1] == []


def test_a_grammar_names_what_the_schema_asks_for() -> None:
    assert b'\\"torque\\"' in make_grammar(
        '{"type": "object", "properties": {"torque": {"type": "integer"}}}'
    )


@pytest.mark.parametrize(
    "schema",
    ["", "[1, 2", '{"type": "x"}', '{"type": "array", "items": {"type": "array", "maxItems": 501}}', " " * 200_000]
)  # fmt: skip
def test_a_schema_without_a_grammar_is_refused(schema: str) -> None:
    with pytest.raises(RequestError, match="JSON schema"):
        make_grammar(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 3},
        {"properties": {"a": {"type": "array", "items": {"not": {"type": "string"}}}}},
        {"$defs": {"a": {"allOf": [{"type": "string"}]}}, "$ref": "#/$defs/a"},
        {"anyOf": [{"type": "null"}, {"type": "number", "multipleOf": 2}]},
        {"type": "object", "additionalProperties": {"type": "array", "uniqueItems": True}},
    ],
)
def test_a_schema_with_a_word_that_is_not_enforced_is_refused_and_the_word_named(schema: Any) -> None:
    words = r"'(minimum|not|allOf|multipleOf|uniqueItems)' is not enforced"
    with pytest.raises(RequestError, match=words):
        make_grammar(json.dumps(schema))


def test_properties_and_constants_may_have_the_names_of_such_words() -> None:
    named = {"type": "object", "properties": {"minimum": {"type": "number"}, "unit": {"enum": ["not"]}}}
    assert b"minimum" in make_grammar(json.dumps(named))


def test_repetitions_are_limited_in_patterns_too() -> None:
    assert sampler._repeats_too_often({"pattern": "^a{3,9000}$"})
    assert not sampler._repeats_too_often({"pattern": "^[0-9]{3,10}$", "maxLength": 400})
