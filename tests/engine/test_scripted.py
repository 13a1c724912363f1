"""The fakes do as they are told; what all engines do is in tests/conformance."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from edge.engine.scripted import ScriptedEmbedder, ScriptedEngine, make_smallest, quote_opening
from edge.engine.totals import Cost
from edge.errors import EngineError
from edge.types import Passage, Prompt
from tests.engine.conftest import make_prompt


def test_it_fails_after_its_pieces() -> None:
    stream = ScriptedEngine(["half"], failure=EngineError("It died.", "Ask again.")).stream(make_prompt())
    assert next(stream) == "half"
    with pytest.raises(EngineError, match="It died"):
        next(stream)


def test_it_answers_by_the_prompt_and_remembers_it() -> None:
    engine = ScriptedEngine(lambda asked: [asked.question.upper()])
    assert list(engine.stream(make_prompt("oil?"))) == ["OIL?"]
    assert [asked.question for asked in engine.prompts] == ["oil?"]


def test_it_waits_for_every_step() -> None:
    steps = [threading.Event(), threading.Event()]
    said: list[str] = []
    thread = threading.Thread(
        target=lambda: said.extend(ScriptedEngine(["a", "b"], steps=steps).stream(make_prompt()))
    )
    thread.start()
    steps[0].set()
    assert thread.is_alive()
    steps[1].set()
    thread.join(timeout=10)
    assert said == ["a", "b"]


def test_texts_that_share_words_are_close() -> None:
    oil, more, other = ScriptedEmbedder().embed(["Change the oil.", "change oil now", "replace fuse"])
    assert oil @ more > 0.6 > 0.1 > oil @ other


def test_vectors_have_unit_length_even_without_words() -> None:
    vectors = ScriptedEmbedder().embed(["", "?!", "oil", "\ud800"])
    assert vectors.shape == (4, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert ScriptedEmbedder().embed([]).shape == (0, 384)


def test_tokens_are_words() -> None:
    assert ScriptedEmbedder().count_tokens(["Change the oil.", ""]) == [3, 0]


def test_it_cites_the_opening_sentence_or_repeats_what_was_said() -> None:
    passage = Passage("p", "1", "d.md", "D", 1, 1, None, "", "Use 25 ml.\nThen wait.", 1.0)
    assert "".join(quote_opening(Prompt("oil?", (passage,), (), 9))) == "Use 25 ml. [1]"
    assert "".join(quote_opening(Prompt("How much oil?", (), (), 9))) == "How much oil?"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        ({"const": 7}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "array"}, []),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
            {"a": "", "b": {}},
        ),
        ({"properties": [], "required": "a", "type": 7, "enum": 7}, {}),
        (7, {}),
    ],
)
def test_a_schema_has_a_smallest_value(schema: Any, value: Any) -> None:
    assert make_smallest(schema) == value


def test_what_it_wrote_is_added_up() -> None:
    engine = ScriptedEngine(["a", "b"])
    list(engine.stream(make_prompt("How much oil?", system="Answer.")))
    list(engine.stream(make_prompt("Again?", max_tokens=1)))
    assert engine.totals.cost == Cost(prefilled=6, generated=3, steps=3)
