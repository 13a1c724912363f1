"""/ws: the events of /chat over a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from edge.server import connections, live
from edge.server.security import COOKIE, derive_cookie

Start = Callable[..., Any]
QUESTION = {"message": "How many grams of grease does the motor bearing take?"}
TOKEN = "correct horse battery staple"


@contextmanager
def open_socket(client: httpx.Client, **headers: str) -> Iterator[ClientConnection]:
    url = f"ws://{client.base_url.host}:{client.base_url.port}/ws"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with connect(url, additional_headers=named, proxy=None) as socket:
        yield socket


def ask(socket: ClientConnection, asked: object) -> list[dict[str, Any]]:
    """Send a message and return the events up to the last one of a turn."""
    socket.send(json.dumps(asked))
    events = []
    while not events or events[-1]["event"] not in ("answer", "error"):
        events.append(json.loads(socket.recv(timeout=20)))
    return events


def test_the_events_are_those_of_chat(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        events = ask(socket, QUESTION)
    whole = client.post("/chat", json=QUESTION).json()
    assert [event["event"] for event in events] == ["evidence", "answer"]
    assert events[-1]["data"]["answer"] == whole["answer"]
    assert events[0]["data"]["passages"][0]["document"] == "pump.md"


def test_one_line_takes_one_question_after_another(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        first, second = ask(socket, QUESTION), ask(socket, {"message": "What torque for the flange bolts?"})
    assert "12 grams" in first[-1]["data"]["answer"]
    assert "45 Nm" in second[-1]["data"]["answer"]


@pytest.mark.parametrize(
    "asked",
    ["pump", {}, {"message": ""}, {"message": "pump", "more": 1}, {"message": "pump", "packs": ["boats"]}],
)
def test_what_cannot_be_answered_is_a_problem_and_the_line_stays_open(
    client: httpx.Client, asked: object
) -> None:
    with open_socket(client) as socket:
        problem = ask(socket, asked)[-1]
        assert problem["event"] == "error"
        assert problem["data"]["hint"]
        assert ask(socket, QUESTION)[-1]["event"] == "answer"


def test_another_message_ends_the_turn_under_way(client: httpx.Client) -> None:
    with open_socket(client) as socket:
        for asked in (QUESTION, {"stop": True}, QUESTION, {"message": "What torque for the flange bolts?"}):
            socket.send(json.dumps(asked))
        answers = []
        while not answers or "45 Nm" not in answers[-1]:
            event = json.loads(socket.recv(timeout=20))
            answers += [event["data"]["answer"]] if event["event"] == "answer" else []
    assert len(answers) <= 3


def test_no_page_of_another_site_opens_it(client: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as refused, open_socket(client, Origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403


def test_beyond_loopback_it_asks_for_the_token_or_its_cookie(start: Start) -> None:
    guarded = start(host="0.0.0.0", token=TOKEN)
    with pytest.raises(InvalidStatus) as refused, open_socket(guarded):
        pass
    assert refused.value.response.status_code == 401
    for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"{COOKIE}={derive_cookie(TOKEN)}"}):
        with open_socket(guarded, **headers) as socket:
            assert ask(socket, QUESTION)[-1]["event"] == "answer"


def test_there_are_only_so_many(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_SOCKETS", 0)
    with open_socket(client) as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=20)


def test_a_line_that_is_silent_is_not_taken_for_a_late_header(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    with open_socket(start()) as socket:
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.6)
        assert ask(socket, QUESTION)[-1]["event"] == "answer"
