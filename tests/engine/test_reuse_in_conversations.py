"""Whole turns over a real pack with a real engine: how much of each prompt is computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from edge.assistant import Assistant, Limits
from edge.conversations import Conversations
from edge.engine.interface import Engine, Finished
from edge.engine.llama import LlamaEngine
from edge.engine.prefill.cache import open_cache
from edge.packs.pack import Pack
from edge.popular import PopularPassages
from edge.retrieval.retriever import Retriever
from edge.types import EXTRACTIVE, Answer, Answered, Prompt, Question, never
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import make_writer

VENT = "How do I vent the pump?"
CHAIN = "Lock mains[1]"
"""What the model answers; a chain needs bytes that all differ."""


Start = Callable[..., tuple["Assistant", "Counting"]]


class Counting:
    """An engine that notes what its answers cost."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self.costs: list[Finished] = []
        self.name, self.fits, self.close = engine.name, engine.fits, engine.close

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        finished = yield from self._engine.stream(prompt, cancelled)
        assert isinstance(finished, Finished)
        self.costs.append(finished)

    def computed(self) -> float:
        """Return the share of the last prompt."""
        cost = self.costs[-1]
        return (cost.prompt_tokens - cost.reused_tokens) / cost.prompt_tokens


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte is a token: the shares are the same as with any other tokens, about."""
    return write_chain_model(tmp_path_factory.mktemp("models") / "chain.gguf", CHAIN, context=16384)


@pytest.fixture
def start(model: Path, pumps: Pack, tmp_path: Path) -> Iterator[Start]:
    """Begins a service over the same home, as after a restart."""
    retriever = Retriever(lambda: [pumps], None)
    running: list[Counting] = []

    def call(context: int = 16384) -> tuple[Assistant, Counting]:
        for before in running:
            before.close()
        options = make_writer(model, context)
        engine = Counting(LlamaEngine(options, cache=open_cache(tmp_path / "prefill", 512, options)))
        running.append(engine)
        engines: dict[str, Engine | None] = {"llama": engine, EXTRACTIVE: None}
        state = tmp_path / "state.sqlite"
        assistant = Assistant(
            retriever,
            engines.__getitem__,
            Conversations(state),
            Limits(8192, 64, 5),
            "llama",
            PopularPassages(state),
        )
        return assistant, engine

    yield call
    for engine in running:
        engine.close()
    retriever.close()


@pytest.fixture(autouse=True)
def answers_whatever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.reading.decide.REFUSE_ABOVE", 1.1)


def ask(assistant: Assistant, text: str, conversation: str) -> Answer:
    *_, last = assistant.answer(Question(text, conversation_id=conversation))
    assert isinstance(last, Answered)
    assert last.answer.mode == "generated"
    return last.answer


def settled(folder: Path, files: int) -> None:
    """Wait until so many states are stored."""
    deadline = time.monotonic() + 20
    while len(list(folder.glob("*.kv"))) < files and time.monotonic() < deadline:
        Event().wait(0.02)


def test_the_second_question_of_a_conversation_computes_little_of_its_prompt(
    start: Start,
) -> None:
    assistant, engine = start()
    first = ask(assistant, VENT, "a")
    assert engine.computed() == 1.0
    second = ask(assistant, "And how is it vented?", "a")
    assert engine.computed() <= 0.15
    assert [c.passage.heading for c in second.citations] == [c.passage.heading for c in first.citations]
    ask(assistant, "And then?", "a")
    assert engine.computed() <= 0.15


def test_somebody_elses_question_over_the_same_passages_computes_little(
    start: Start,
) -> None:
    assistant, engine = start()
    ask(assistant, VENT, "a")
    ask(assistant, "vent the pump, how?", "b")
    assert engine.computed() <= 0.2


def test_after_a_restart_both_come_from_disk(start: Start, tmp_path: Path) -> None:
    assistant, _ = start()
    ask(assistant, VENT, "a")
    settled(tmp_path / "prefill", 1)
    assistant, engine = start()
    ask(assistant, "And how is it vented?", "a")
    assert engine.computed() <= 0.15
    assistant, engine = start()
    ask(assistant, "vent the pump, how?", "b")
    assert engine.computed() <= 0.2


def test_a_conversation_longer_than_the_context_goes_on_and_begins_anew_now_and_then(start: Start) -> None:
    assistant, engine = start(4096)
    questions = [VENT, "What torque do the bolts need?", "What does E-207 mean?", "And the bearing?"]
    for n in range(24):
        list(assistant.answer(Question(questions[n % 4], conversation_id="a")))
    assert len(engine.costs) == 24  # none was refused for its length
    limit = 4096 - 4096 // 4
    assert all(cost.prompt_tokens <= limit for cost in engine.costs)
    assert sum(cost.prompt_tokens for cost in engine.costs) > 8 * limit
    shares = [1 - cost.reused_tokens / cost.prompt_tokens for cost in engine.costs[1:]]
    assert sum(share <= 0.25 for share in shares) > len(shares) / 2
