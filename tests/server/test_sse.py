"""The turn as server-sent events, over a real connection."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from edge import shapes
from edge.engine.scripted import ScriptedEngine
from edge.errors import EngineError
from edge.server import sse, turns
from edge.types import Prompt, never

Start = Callable[..., Any]
QUESTION = "How many grams of grease does the motor bearing take?"
PIECES = ("The motor bearing takes ", "12 grams of grease ", "each year. [1]")
Events = Iterator[tuple[str, Any]]


class WatchedEngine:
    """Writes word after word until it is cancelled, and tells that it was."""

    name = "watched"

    def __init__(self, piece: str = "word ") -> None:
        self.piece = piece
        self.written = 0
        self.wrote = threading.Event()
        self.stopped = threading.Event()

    def fits(self, prompt: Prompt) -> bool:
        return True

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        try:
            while not cancelled():
                self.written += 1
                self.wrote.set()
                yield self.piece
        finally:
            self.stopped.set()

    def close(self) -> None:
        pass


class SilentEngine(WatchedEngine):
    """Thinks until it is cancelled, and never writes."""

    name = "silent"

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        self.wrote.set()
        tick = threading.Event()
        while not cancelled():
            tick.wait(0.005)
        self.stopped.set()
        yield ""


class BrokenEngine(WatchedEngine):
    """Has a mistake in it."""

    name = "broken"

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        yield "The "
        raise ZeroDivisionError("secret detail")


@contextmanager
def asked(client: httpx.Client, **more: Any) -> Iterator[httpx.Response]:
    body = {"message": QUESTION, "stream": True, **more}
    with client.stream("POST", "/chat", json=body) as response:
        yield response


def events(response: httpx.Response) -> Events:
    """Read events as a browser does."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_frame_names_its_event_and_ends_with_an_empty_line() -> None:
    assert sse.encode_frame("token", b'{"text":"a"}') == b'event: token\ndata: {"text":"a"}\n\n'


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_frame_of_several_lines_has_a_data_field_for_each(end: bytes) -> None:
    assert sse.encode_frame("x", b"one" + end + b"two") == b"event: x\ndata: one\ndata: two\n\n"


def test_evidence_comes_first_then_tokens_then_the_answer(start: Start) -> None:
    client = start(ScriptedEngine(PIECES))
    with asked(client) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        (first, evidence), (second, quoted), *tokens, (last, answer) = events(response)
    assert (first, second, last) == ("evidence", "quote", "answer")
    assert (quoted["mode"], quoted["timings_ms"]["quote"] >= evidence["ms"]) == ("extractive", True)
    assert evidence["ms"] >= 0
    assert "12 grams" in evidence["passages"][0]["text"]
    assert tokens == [("token", {"text": piece}) for piece in PIECES]
    assert answer["mode"] == "generated"
    TypeAdapter(shapes.Answer).validate_python(answer, strict=True)


def test_the_streamed_answer_is_the_whole_answer(client: httpx.Client) -> None:
    def comparable(answer: dict[str, Any]) -> dict[str, Any]:
        own = ("timings_ms", "conversation_id", "receipt")
        return {name: answer[name] for name in answer if name not in own}

    whole = client.post("/chat", json={"message": QUESTION}).json()
    with asked(client) as response:
        *_, (_, streamed) = events(response)
    assert comparable(streamed) == comparable(whole)


def test_what_is_known_is_sent_before_the_engine_goes_on(start: Start) -> None:
    steps = tuple(threading.Event() for _ in PIECES)
    client = start(ScriptedEngine(PIECES, steps=steps))
    with asked(client) as response:
        received = events(response)
        assert next(received)[0] == "evidence"
        assert next(received)[0] == "quote"
        for step, piece in zip(steps, PIECES, strict=True):
            step.set()
            assert next(received) == ("token", {"text": piece})
        assert next(received)[0] == "answer"


def test_a_failing_engine_ends_in_a_quotation_that_says_so(start: Start) -> None:
    failure = EngineError("The language model stopped.", "Try again.")
    client = start(ScriptedEngine(PIECES[:1], failure))
    with asked(client) as response:
        name, answer = list(events(response))[-1]
    assert (name, answer["mode"]) == ("answer", "extractive")
    assert "The language model stopped." in answer["notice"]


def test_what_nobody_foresaw_is_an_error_event_without_its_detail(start: Start) -> None:
    with asked(start(BrokenEngine())) as response:
        name, problem = list(events(response))[-1]
    assert (name, problem["status"]) == ("error", 500)
    assert "secret" not in json.dumps(problem)
    TypeAdapter(shapes.Problem).validate_python(problem)


def test_silence_is_filled_with_comments(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "KEEP_ALIVE_SECONDS", 0.02)
    go = threading.Event()
    client = start(ScriptedEngine(PIECES, steps=(go,)))
    with asked(client) as response:
        lines = response.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": keep-alive"
        go.set()
        assert "event: answer" in list(lines)


@pytest.mark.parametrize("engine", [WatchedEngine(), SilentEngine()])
def test_a_client_that_leaves_a_stream_stops_the_engine(start: Start, engine: WatchedEngine) -> None:
    client = start(engine)
    with asked(client) as response:
        received = events(response)  # kept: the connection ends with it
        assert next(received)[0] == "evidence"
        assert engine.wrote.wait(10)
        assert not engine.stopped.is_set()
    assert engine.stopped.wait(10)


def test_a_client_that_leaves_before_the_whole_answer_stops_the_engine(
    start: Start,
) -> None:
    engine = SilentEngine()
    client = start(engine)
    body = json.dumps({"message": QUESTION}).encode()
    with connected(client) as connection:
        connection.sendall(request_head(len(body)) + body)
        assert engine.wrote.wait(10)
        assert not engine.stopped.is_set()
    assert engine.stopped.wait(10)


def test_a_client_that_does_not_read_holds_the_engine_for_a_while_only(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "STALLED_SECONDS", 0.2)
    engine = WatchedEngine(piece="x" * 1_000_000)
    client = start(engine)
    body = json.dumps({"message": QUESTION, "stream": True}).encode()
    with connected(client) as connection:
        connection.sendall(request_head(len(body)) + body)
        assert engine.stopped.wait(10)
    assert engine.written < 100  # what the sockets hold, and turns.BUFFERED


def test_a_stopping_server_ends_its_streams(start: Start) -> None:
    engine = SilentEngine()
    client = start(engine)
    with asked(client) as response:
        received = events(response)
        assert [next(received)[0] for _ in range(2)] == ["evidence", "quote"]
        client.stop()
        name, problem = next(received)
    assert (name, problem["type"]) == ("error", "urn:edge:problem:busy")
    assert engine.stopped.wait(10)


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    """Open a bare connection with a small receive buffer."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((client.base_url.host, client.base_url.port))
        yield connection


def request_head(length: int) -> bytes:
    return (
        b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % length
    )
