"""What was computed before a restart is not computed after it: real engines, a real worker, real files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from edge.engine.interface import ChatRequest, Finished, Written
from edge.engine.llama import LlamaEngine
from edge.engine.prefill.cache import open_cache
from edge.types import Message
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import make_writer

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
PASSAGE = (
    "Tighten the M8 bolts crosswise to 25 Nm. " + "Grease the threads before you turn them in again. " * 3
)
TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"

Start = Callable[..., LlamaEngine]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(model)`` begins an engine over the same home."""
    engines: list[LlamaEngine] = []

    def call(model: Path, megabytes: int = 64) -> LlamaEngine:
        options = make_writer(model, 2048)
        engines.append(LlamaEngine(options, cache=open_cache(tmp_path / "prefill", megabytes, options)))
        return engines[-1]

    yield call
    for engine in engines:
        engine.close()


def ask(engine: LlamaEngine, question: str, passage: str = PASSAGE) -> tuple[str, Finished]:
    messages = (Message("user", f"Passages:\n[1] a.pdf, page 1\n{passage}\n\nQuestion: {question}"),)
    *pieces, finished = engine.chat(ChatRequest(messages, 64))
    assert isinstance(finished, Finished)
    return "".join(piece.text for piece in pieces if isinstance(piece, Written)), finished


def stored(folder: Path) -> list[Path]:
    """Return the files, as soon as there are some."""
    deadline = time.monotonic() + 20
    while not (found := list(folder.glob("*.kv"))) and time.monotonic() < deadline:
        Event().wait(0.01)
    return found


def test_the_same_question_after_a_restart_is_read_from_disk(start: Start, tmp_path: Path) -> None:
    with closing(start(TINY)) as engine:
        before, first = ask(engine, "What torque?")
        assert stored(tmp_path / "prefill")
    with closing(start(TINY)) as engine:
        after, second = ask(engine, "What torque?")
    assert first.reused_tokens == 0
    assert second.reused_tokens == second.prompt_tokens - 1
    assert after == before == "Tighten the M8 bolts crosswise to 25 Nm. [1]"


def test_another_question_over_the_same_passage_reuses_the_passage(start: Start, tmp_path: Path) -> None:
    with closing(start(TINY)) as engine:
        before, _ = ask(engine, "What torque?")
        assert stored(tmp_path / "prefill")
    with closing(start(TINY)) as engine:
        after, second = ask(engine, "How tight?")
    assert second.prompt_tokens - second.reused_tokens < 10
    assert after == before


def test_another_model_under_the_same_name_reuses_nothing(start: Start, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    write_chain_model(model, "abc", context=2048, template=TEMPLATE)
    with closing(start(model)) as engine:
        assert ask(engine, "What torque?")[0] == "abc"
        assert stored(tmp_path / "prefill")
    write_chain_model(tmp_path / "other.gguf", "xyz", context=2048, template=TEMPLATE)
    (tmp_path / "other.gguf").replace(model)
    with closing(start(model)) as engine:
        text, finished = ask(engine, "What torque?")
    assert (text, finished.reused_tokens) == ("xyz", 0)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_file_costs_time_and_nothing_else(start: Start, tmp_path: Path, damage: str) -> None:
    with closing(start(TINY)) as engine:
        before, _ = ask(engine, "What torque?")
        (path,) = stored(tmp_path / "prefill")
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[-1000] ^= 1
    damaged = {"cut": bytes(data[:-1]), "empty": b"", "foreign": b"GGUF" * 1000}.get(damage, bytes(data))
    path.write_bytes(damaged)
    with closing(start(TINY)) as engine:
        after, finished = ask(engine, "What torque?")
        assert not path.exists() or path.read_bytes() != damaged
    assert (after, finished.reused_tokens) == (before, 0)


def test_where_nothing_can_be_stored_questions_are_answered(start: Start, tmp_path: Path) -> None:
    (tmp_path / "prefill").write_text("a file where the folder should be")
    with closing(start(TINY)) as engine:
        assert ask(engine, "What torque?")[0] == ask(engine, "What torque?")[0]


def test_without_a_cache_nothing_is_written(start: Start, tmp_path: Path) -> None:
    with closing(start(TINY, megabytes=0)) as engine:
        ask(engine, "What torque?")
    assert not (tmp_path / "prefill").exists()


def test_states_can_be_moved_with_their_home(start: Start, tmp_path: Path) -> None:
    with closing(start(TINY)) as engine:
        ask(engine, "What torque?")
        assert stored(tmp_path / "prefill")
    shutil.copytree(tmp_path / "prefill", tmp_path / "copy")
    shutil.rmtree(tmp_path / "prefill")
    shutil.move(tmp_path / "copy", tmp_path / "prefill")
    with closing(start(TINY)) as engine:
        assert ask(engine, "What torque?")[1].reused_tokens > 0
