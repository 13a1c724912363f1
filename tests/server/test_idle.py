"""Likely prompts are computed while nobody asks, by a real engine where that matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from edge.app import Mode, build
from edge.config import Settings
from edge.engine.interface import Finished
from edge.engine.llama import LlamaEngine
from edge.errors import EngineError
from edge.prompt.conversation import continue_conversation, make_opening
from edge.server.idle import IdlePrefill
from edge.types import Message, Passage, Prompt, never
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import make_writer


def passage(text: str) -> Passage:
    return Passage("pumps", "1.0", "manual.pdf", "Manual", 1, 1, None, "", text, 1.0)


A = make_opening([passage("Alpha is here.")])
B = make_opening([passage("Beta is here.")])


class Prefiller:
    """Notes what it is asked to compute."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.prompts: list[Prompt] = []
        self.failure: EngineError | None = None
        self.computed = Event()

    def prefill(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Finished | None:
        self.pid = self.pid or 7
        if self.failure:
            raise self.failure
        if cancelled():
            return None
        self.prompts.append(prompt)
        self.computed.set()
        return Finished("end", 10, 0, 0, 0)


@pytest.fixture
def engine() -> Prefiller:
    return Prefiller()


def idle(engine: Prefiller | None, *prompts: Prompt, busy: bool = False, saving: bool = False) -> IdlePrefill:
    return IdlePrefill(lambda: engine, lambda: prompts, lambda: busy, lambda: saving)


def test_the_likeliest_comes_first_and_each_once(engine: Prefiller) -> None:
    work = idle(engine, A, B)
    assert (work.prefill_likely(), work.prefill_likely()) == (2, 0)
    assert engine.prompts == [A, B]


def test_a_new_worker_is_given_them_again(engine: Prefiller) -> None:
    work = idle(engine, A)
    work.prefill_likely()
    engine.pid = 8
    assert work.prefill_likely() == 1


def test_a_worker_that_was_ended_for_lack_of_use_is_left_in_peace(engine: Prefiller) -> None:
    work = idle(engine, A)
    work.prefill_likely()
    engine.pid = None
    assert work.prefill_likely() == 0


def test_without_a_language_model_nothing_happens() -> None:
    assert idle(None, A).prefill_likely() == 0


def test_a_prompt_that_gave_way_is_tried_again(engine: Prefiller) -> None:
    asked = [True]
    work = IdlePrefill(lambda: engine, lambda: [A], lambda: asked[0], lambda: False)
    assert work.prefill_likely() == 0
    asked[0] = False
    assert work.prefill_likely() == 1


def test_a_prompt_that_fails_is_not_tried_again(engine: Prefiller) -> None:
    work = idle(engine, A)
    engine.failure = EngineError("It does not fit.", "")
    with pytest.raises(EngineError):
        work.prefill_likely()
    engine.failure = None
    assert work.prefill_likely() == 0


def test_the_thread_begins_when_it_is_quiet_and_ends_when_told(engine: Prefiller) -> None:
    work = idle(engine, A)
    work.start(quiet_s=0.0, poll_s=0.001)
    assert engine.computed.wait(10)
    work.stop()
    work.stop()


@pytest.mark.parametrize("state", [{"busy": True}, {"saving": True}])
def test_the_thread_does_nothing_while_somebody_asks_or_is_on_battery(
    engine: Prefiller, state: dict[str, bool]
) -> None:
    looked = [Event(), Event()]
    looks = iter(looked)

    def look() -> bool:
        next(looks, looked[-1]).set()
        return True

    work = IdlePrefill(
        lambda: engine,
        lambda: [A],
        look if state.get("busy") else lambda: False,
        look if state.get("saving") else lambda: False,
    )
    work.start(quiet_s=0.0, poll_s=0.001)
    assert looked[1].wait(10)
    work.stop()
    assert engine.prompts == []


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[LlamaEngine]:
    model = write_chain_model(tmp_path / "chain.gguf", "abc", context=4096)
    with closing(LlamaEngine(make_writer(model))) as engine:
        yield engine


def test_what_was_computed_ahead_is_reused_by_the_question(llama: LlamaEngine) -> None:
    passages = [passage("Tighten the housing bolts crosswise to 25 Nm.")]
    assert IdlePrefill(lambda: llama, lambda: [make_opening(passages)], lambda: False).prefill_likely() == 1
    sent = continue_conversation("What torque?", passages, (), 16, llama.fits)
    stream = llama.stream(sent.prompt)
    while True:
        try:
            next(stream)
        except StopIteration as end:
            finished = end.value
            break
    assert finished.prompt_tokens - finished.reused_tokens < 30


def test_only_a_language_model_is_prefilled(tmp_path: Path) -> None:
    with build(Settings(home=tmp_path, embedder="none"), Mode.SERVER) as edge:
        assert edge.get_prefiller() is None
        edge.models.add(write_chain_model(tmp_path / "chain.gguf", "abc"))
        assert isinstance(edge.get_prefiller(), LlamaEngine)
    with build(Settings(home=tmp_path, embedder="none", engine="extractive"), Mode.SERVER) as edge:
        assert edge.get_prefiller() is None


def test_the_instructions_are_likely_even_without_any_question(tmp_path: Path) -> None:
    with build(Settings(home=tmp_path, embedder="none"), Mode.SERVER) as edge:
        (prompt,) = edge.assistant.list_likely_prompts(3)
    assert prompt.messages[0] == Message("system", A.messages[0].content)
