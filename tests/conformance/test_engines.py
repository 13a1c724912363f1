"""What every engine must do, whatever writes its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.engine.interface import Engine
from edge.engine.llama import LlamaEngine
from edge.engine.scripted import ScriptedEngine
from edge.errors import EngineError
from edge.types import Message, Prompt
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import writer

TEXT = "Use 25µl"
MakeEngine = Callable[[], Engine]


def scripted(_folder: Path) -> Engine:
    return ScriptedEngine(list(TEXT), context_words=512)


def llama(folder: Path) -> Engine:
    return LlamaEngine(writer(write_chain_model(folder / "chain.gguf", TEXT), 512))


@pytest.fixture(params=[scripted, llama])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine = request.param(tmp_path)
    yield made
    made.close()


def prompt(text: str = "How much?", max_tokens: int = 64) -> Prompt:
    return Prompt(text, (), (Message("user", text),), max_tokens)


def test_it_has_a_name(engine: Engine) -> None:
    assert engine.name


def test_pieces_make_the_text_and_none_is_empty(engine: Engine) -> None:
    pieces = list(engine.stream(prompt()))
    assert "".join(pieces) == TEXT
    assert len(pieces) > 5
    assert all(pieces)


def test_the_same_prompt_gives_the_same_text(engine: Engine) -> None:
    assert list(engine.stream(prompt())) == list(engine.stream(prompt()))


def test_no_more_tokens_than_allowed(engine: Engine) -> None:
    assert "".join(engine.stream(prompt(max_tokens=3))) == "Use"


def test_it_stops_when_cancelled(engine: Engine) -> None:
    pieces: list[str] = []
    for piece in engine.stream(prompt(), cancelled=lambda: bool(pieces)):
        pieces.append(piece)
    assert len(pieces) < len(TEXT)


def test_cancelled_from_the_start_it_says_nothing(engine: Engine) -> None:
    assert list(engine.stream(prompt(), cancelled=lambda: True)) == []


def test_it_can_be_left_in_the_middle(engine: Engine) -> None:
    next(iter(engine.stream(prompt())))
    assert "".join(engine.stream(prompt(max_tokens=3))) == "Use"


def test_a_prompt_that_does_not_fit_is_refused(engine: Engine) -> None:
    long = prompt("oil " * 20_000)
    assert engine.fits(prompt())
    assert not engine.fits(long)
    with pytest.raises(EngineError) as caught:
        list(engine.stream(long))
    assert caught.value.hint


def test_closed_twice_it_answers_no_more(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(EngineError):
        list(engine.stream(prompt()))
