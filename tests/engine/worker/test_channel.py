"""Frames in and out, over real pipes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from edge.engine.process import frames
from edge.engine.process.frames import Frame
from edge.engine.worker.channel import Channel


class Parent:
    """The other ends of the pipes."""

    def __init__(self) -> None:
        source, self._to_worker = os.pipe()
        from_worker, sink = os.pipe()
        self.lines: BinaryIO = os.fdopen(from_worker, "rb")
        self._ends = os.fdopen(source, "rb"), os.fdopen(sink, "wb")
        self.channel = Channel(*self._ends)
        self.cancelled: list[int] = []
        self.channel.on_cancel = self.cancelled.append

    def send(self, *sent: Frame) -> None:
        os.write(self._to_worker, b"".join(map(frames.encode, sent)))

    def receive(self) -> Frame:
        return frames.decode(self.lines.readline())

    def in_step(self) -> None:
        """Wait until all that was sent has been read."""
        self.send({"op": "ping"})
        while self.receive() != {"pong": True}:
            pass

    def hang_up(self) -> None:
        os.close(self._to_worker)

    def close(self) -> None:
        for end in (*self._ends, self.lines):
            end.close()


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    gone = threading.Event()

    monkeypatch.setattr("edge.engine.worker.channel.os._exit", lambda _code: gone.set())
    return gone


@pytest.fixture
def parent(exits: threading.Event) -> Iterator[Parent]:
    parent = Parent()
    yield parent
    parent.hang_up()
    assert exits.wait(10)
    parent.close()


def test_requests_come_in_their_order(parent: Parent) -> None:
    parent.send({"op": "a", "id": 1}, {"op": "b", "id": 2})
    requests = parent.channel.receive_requests()
    assert [next(requests)["id"] for _ in range(2)] == [1, 2]


def test_a_cancellation_overtakes_requests_that_wait(parent: Parent) -> None:
    parent.send({"op": "a", "id": 1}, {"op": "a", "id": 2}, {"op": "cancel", "id": 2})
    parent.in_step()
    assert parent.cancelled == [2]
    assert parent.channel.is_cancelled(2)
    assert not parent.channel.is_cancelled(1)


def test_nothing_is_remembered_of_what_has_ended(parent: Parent) -> None:
    parent.send({"op": "a", "id": 1}, {"op": "cancel", "id": 1})
    parent.in_step()
    parent.channel.send({"id": 1, "done": {}})
    assert not parent.channel.is_cancelled(1)
    parent.send({"op": "cancel", "id": 1}, {"op": "cancel", "id": 99})
    parent.in_step()
    assert parent.cancelled == [1]
    assert not parent.channel._cancelled
    assert not parent.channel._open


def test_what_is_posted_arrives_in_its_order(parent: Parent) -> None:
    for n in range(100):
        parent.channel.post({"id": 1, "token": str(n)}, {"id": 2, "token": str(n)})
    tokens = [parent.receive()["token"] for _ in range(200)]
    assert tokens[::2] == tokens[1::2] == [str(n) for n in range(100)]


def test_an_ask_waits_for_its_answer(parent: Parent) -> None:
    answers: list[Frame] = []
    thread = threading.Thread(target=lambda: answers.append(parent.channel.ask({"load": {"name": "x"}})))
    thread.start()
    assert parent.receive() == {"ask": {"load": {"name": "x"}}}
    parent.send({"op": "answer", "bytes": 5})
    thread.join(10)
    assert answers[0]["bytes"] == 5


def test_many_threads_may_send(parent: Parent) -> None:
    def talk(number: int) -> None:
        for _ in range(50):
            parent.channel.send({"id": number, "token": "x" * 500})

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert sorted(parent.receive()["id"] for _ in range(200)) == sorted([0, 1, 2, 3] * 50)
    for thread in threads:
        thread.join()


def test_nonsense_ends_the_worker(parent: Parent, exits: threading.Event) -> None:
    parent.send({"no": "op"})
    assert exits.wait(10)
