"""From passages to a checked answer: the prompt's layout, llama.cpp with the trained tiny model, the guards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.engine.llama import LlamaEngine
from edge.guard.answer import Verdict, check
from edge.prompt.template import make_prompt
from edge.types import Passage
from tests.engine.workers import make_writer

MODEL = Path(__file__).parent.parent / "tiny_model" / "tiny.gguf"


@pytest.fixture(scope="module")
def engine() -> Iterator[LlamaEngine]:
    engine = LlamaEngine(make_writer(MODEL, 2048))
    yield engine
    engine.close()


def passage(text: str) -> Passage:
    return Passage("pumps", "1.0", "user-manual.pdf", "Manual", 12, 12, None, "Pump > Torque", text, 1.0)


def answer(engine: LlamaEngine, *texts: str) -> Verdict:
    prompt = make_prompt("What must I know?", [passage(text) for text in texts], (), 128, engine.fits)
    return check("".join(engine.stream(prompt)), prompt.passages)


def test_what_the_first_passage_says_is_shown_with_its_citation(engine: LlamaEngine) -> None:
    verdict = answer(
        engine, "Tighten the M8 bolts crosswise to 25 Nm. Grease the threads.", "Wait for 15 minutes."
    )
    assert verdict.text == "Tighten the M8 bolts crosswise to 25 Nm. [1]"
    assert [citation.n for citation in verdict.citations] == [1]
    assert verdict.unverified == ()


def test_passages_that_do_not_fit_are_cut_and_the_answer_is_the_same(engine: LlamaEngine) -> None:
    verdict = answer(engine, "Use a 3/8-inch ratchet. " + "Then check the seal. " * 2000)
    assert verdict.text == "Use a 3/8-inch ratchet. [1]"


def test_a_value_that_is_in_no_passage_is_not_shown(engine: LlamaEngine) -> None:
    prompt = make_prompt("?", [passage("Tighten the bolts to 25 Nm. Then stop.")], (), 128, engine.fits)
    written = "".join(engine.stream(prompt))
    assert "25 Nm" in written
    verdict = check(written, [passage("Tighten the bolts to 45 Nm. Then stop.")])
    assert verdict.ungrounded
    assert verdict.unverified == ("25 Nm",)
