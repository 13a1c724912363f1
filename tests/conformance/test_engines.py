"""What every engine must do, whatever writes its text; and what those must that also take bare messages."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from edge.engine.interface import ChatEngine, ChatRequest, Engine, Finished, RefusedError, Sampling, Written
from edge.errors import EngineError
from edge.types import Message, Passage, Prompt
from tests.conformance.engines import ALL, CHATTING, OBEYING, TEXT

Make = Callable[..., AbstractContextManager[Any]]
Events = list[Written | Finished]

PASSAGE = Passage("p", "1", "d.md", "D", 1, 1, None, "", f"{TEXT}.", 1.0)


@pytest.fixture(scope="module", params=ALL, ids=lambda make: make.__name__)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with request.param(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture(scope="module", params=CHATTING, ids=lambda make: make.__name__)
def chatting(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatEngine]:
    with request.param(tmp_path_factory.mktemp("engine")) as made:
        yield made


def prompt(text: str = "How much?", max_tokens: int = 64) -> Prompt:
    return Prompt(text, (PASSAGE,), (Message("user", text),), max_tokens)


def asked(engine: ChatEngine, text: str = "How much?", max_tokens: int = 64, **sampling: Any) -> Events:
    request = ChatRequest((Message("user", text),), max_tokens, Sampling(**sampling))
    return list(engine.chat(request))


def text_of(events: Events) -> str:
    return "".join(event.text for event in events if isinstance(event, Written))


def end_of(events: Events) -> Finished:
    *pieces, last = events
    assert all(isinstance(piece, Written) for piece in pieces)
    assert isinstance(last, Finished)
    return last


# -- every engine


def test_it_has_a_name(engine: Engine) -> None:
    assert engine.name


def test_pieces_make_the_text_and_none_is_empty(engine: Engine) -> None:
    pieces = list(engine.stream(prompt()))
    assert "".join(pieces).startswith(TEXT)
    assert all(pieces)


def test_the_same_prompt_gives_the_same_text(engine: Engine) -> None:
    assert "".join(engine.stream(prompt())) == "".join(engine.stream(prompt()))


def test_cancelled_from_the_start_it_says_nothing(engine: Engine) -> None:
    assert list(engine.stream(prompt(), cancelled=lambda: True)) == []


def test_it_says_no_more_once_it_is_cancelled(engine: Engine) -> None:
    pieces: list[str] = []
    for piece in engine.stream(prompt(), cancelled=lambda: bool(pieces)):
        pieces.append(piece)
    assert len(pieces) == 1


def test_it_can_be_left_in_the_middle(engine: Engine) -> None:
    next(iter(engine.stream(prompt())))
    assert "".join(engine.stream(prompt())).startswith(TEXT)


def test_a_prompt_that_fits_is_said_to(engine: Engine) -> None:
    assert engine.fits(prompt())


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_it_may_be_closed_twice(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    with make(tmp_path_factory.mktemp("engine")) as engine:
        engine.close()
        engine.close()
        if isinstance(engine, ChatEngine):
            with pytest.raises(EngineError):
                list(engine.stream(prompt()))
            with pytest.raises(EngineError):
                asked(engine)


# -- those that chat


def test_text_comes_in_pieces_and_what_it_cost_last(chatting: ChatEngine) -> None:
    events = asked(chatting)
    assert text_of(events) == TEXT
    assert len(events) > 5
    end = end_of(events)
    assert end.reason == "end"
    assert end.prompt_tokens > 0
    assert 0 <= end.reused_tokens <= end.prompt_tokens
    assert len(TEXT) <= end.tokens <= len(TEXT.encode()) + 1
    assert 1 <= end.steps <= end.tokens + 1


def test_a_prompt_streams_the_same_text(chatting: ChatEngine) -> None:
    assert "".join(chatting.stream(prompt())) == TEXT
    assert "".join(chatting.stream(prompt(max_tokens=3))) == "Use"


@pytest.mark.parametrize("most", [1, 3, 5])
def test_it_writes_no_more_tokens_than_allowed(chatting: ChatEngine, most: int) -> None:
    events = asked(chatting, max_tokens=most)
    assert text_of(events) == TEXT[:most]
    assert end_of(events).reason == "length"
    assert end_of(events).tokens == most


@pytest.mark.parametrize("stop", [("25",), ("5µ", "25"), ("2",), ("never", "25")])
def test_it_stops_before_a_stop_text(chatting: ChatEngine, stop: tuple[str, ...]) -> None:
    events = asked(chatting, stop=stop)
    assert text_of(events) == "Use "
    assert end_of(events).reason in ("stop", "end")


def test_a_stop_text_that_never_comes_changes_nothing(chatting: ChatEngine) -> None:
    assert text_of(asked(chatting, stop=("25µg",))) == TEXT


@pytest.mark.parametrize("make", OBEYING, ids=lambda make: make.__name__)
def test_it_obeys_a_schema(make: Make, tmp_path_factory: pytest.TempPathFactory) -> None:
    schema = {
        "type": "object",
        "properties": {"unit": {"type": "string", "enum": ["Nm"]}},
        "required": ["unit"],
        "additionalProperties": False,
    }
    with make(tmp_path_factory.mktemp("engine")) as engine:
        assert json.loads(text_of(asked(engine, schema=json.dumps(schema)))) == {"unit": "Nm"}


def test_logprobs_are_reported_when_asked_for(chatting: ChatEngine) -> None:
    assert all(event.tokens == () for event in asked(chatting) if isinstance(event, Written))
    events = asked(chatting, logprobs=1)
    tokens = [token for event in events if isinstance(event, Written) for token in event.tokens]
    assert len(tokens) >= len(TEXT)
    chosen, others = tokens[0]
    assert chosen.text == "U"
    assert others[0] == chosen
    assert all(math.isfinite(one.logprob) and one.logprob <= 0 for one, _ in tokens)


def test_a_seed_gives_the_same_text_again(chatting: ChatEngine) -> None:
    first, second = (text_of(asked(chatting, max_tokens=24, temperature=1.9, seed=7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("after", range(6))
def test_it_can_be_cancelled_at_any_point(chatting: ChatEngine, after: int) -> None:
    seen: Events = []
    request = ChatRequest((Message("user", "How much?"),), 64)
    for event in chatting.chat(request, lambda: len(seen) >= after):
        seen.append(event)
    pieces = [event for event in seen if isinstance(event, Written)]
    assert len(pieces) <= after
    if len(seen) > len(pieces):
        assert end_of(seen).reason in ("cancel", "end")  # it may have been over before
    assert text_of(asked(chatting)) == TEXT


@pytest.mark.parametrize("after", range(1, 6))
def test_it_can_be_left_at_any_point(chatting: ChatEngine, after: int) -> None:
    events = iter(chatting.chat(ChatRequest((Message("user", "How much?"),), 64)))
    for _ in range(after):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert text_of(asked(chatting)) == TEXT


def test_two_are_answered_at_once(chatting: ChatEngine) -> None:
    request = ChatRequest((Message("user", "How much?"),), 64)
    first, second = iter(chatting.chat(request)), iter(chatting.chat(request))
    begun = [next(first), next(second)]
    assert text_of([begun[0], *first]) == text_of([begun[1], *second]) == TEXT


def test_many_threads_may_ask(chatting: ChatEngine) -> None:
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(text_of(asked(chatting)))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert texts == [TEXT] * 6


def test_a_prompt_that_does_not_fit_is_refused(chatting: ChatEngine) -> None:
    long = "oil " * 20_000
    assert not chatting.fits(prompt(long))
    with pytest.raises(EngineError) as caught:
        list(chatting.stream(prompt(long)))
    assert caught.value.hint
    with pytest.raises(RefusedError):
        asked(chatting, long)
    assert text_of(asked(chatting)) == TEXT
