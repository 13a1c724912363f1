"""So many at once, so many waiting, the rest refused; and nobody who has left keeps a place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest

from edge.engine.interface import ChatRequest, Finished, Written
from edge.engine.scripted import ScriptedEngine
from edge.errors import BusyError, EngineError
from edge.server.turns import BUFFERED, FullError, Turns
from edge.server.workers import Workers
from edge.types import never

Start = Callable[..., Any]
HELLO = {"model": "waiting", "messages": [{"role": "user", "content": "a"}], "stream": True}
QUESTION = {"message": "How many grams of grease does the motor bearing take?"}


class WaitingEngine(ScriptedEngine):
    """Says a word, then thinks until it may go on or is cancelled."""

    name = "waiting"

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def chat(
        self, request: ChatRequest, cancelled: Callable[[], bool] = never
    ) -> Iterator[Written | Finished]:
        self.begun.release()
        try:
            yield Written("a")
            while not cancelled() and not self.go.wait(0.005):
                pass
            yield Finished("end", 1, 0, 1, 1)
        finally:
            self.ended.release()


@contextmanager
def asking(client: httpx.Client, body: Any = HELLO) -> Iterator[httpx.Response]:
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        yield response


async def never_gone() -> Any:
    await asyncio.Event().wait()


@asynccontextmanager
async def turns(threads: int, waiting: int) -> AsyncIterator[tuple[Turns, list[object]]]:
    workers, seen = Workers("test", threads, 0), []
    found = Turns(workers, waiting, seen.append)
    try:
        yield found, seen
    finally:
        found.stop()
        await asyncio.to_thread(workers.close)


def until(go: threading.Event) -> Callable[[Callable[[], bool]], Iterator[str]]:
    def work(cancelled: Callable[[], bool]) -> Iterator[str]:
        while not cancelled() and not go.wait(0.005):
            pass
        yield "done"

    return work


def test_what_does_not_fit_waits_in_order_and_more_than_that_is_refused() -> None:
    async def scenario() -> None:
        go, order = threading.Event(), []
        async with turns(1, 2) as (found, seen):

            async def one(n: int) -> None:
                async with found.begin(until(go), never_gone) as turn:
                    assert await turn.next() == "done"
                    order.append(n)

            tasks = [asyncio.create_task(one(n)) for n in range(3)]
            await asyncio.sleep(0)
            assert (found.running, found.waiting, len(found)) == (1, 2, 3)
            with pytest.raises(FullError) as caught:
                async with found.begin(until(go), never_gone):
                    pass
            assert caught.value.retry_after_s >= 1
            assert seen == [caught.value]
            go.set()
            await asyncio.gather(*tasks)
            assert order == [0, 1, 2]
        assert (found.waiting, len(found)) == (0, 0)

    asyncio.run(scenario())


def test_one_that_leaves_while_it_waits_frees_its_place_at_once() -> None:
    async def scenario() -> None:
        go = threading.Event()
        async with turns(1, 1) as (found, _), found.begin(until(go), never_gone):
            for _ in range(50):
                async with found.begin(until(go), never_gone):
                    assert found.waiting == 1
            assert found.waiting == 0

    asyncio.run(scenario())


def test_work_that_ends_without_an_end_is_an_error() -> None:
    async def scenario() -> None:
        async with turns(1, 1) as (found, _), found.begin(lambda _: iter(()), never_gone) as turn:
            with pytest.raises(EngineError, match="broke off"):
                await turn.next()

    asyncio.run(scenario())


def test_a_slow_reader_slows_its_work_down() -> None:
    async def scenario() -> None:
        written = 0

        def work(cancelled: Callable[[], bool]) -> Iterator[int]:
            nonlocal written
            while True:
                written += 1
                yield written

        async with turns(1, 1) as (found, _), found.begin(work, never_gone) as turn:
            for n in range(1, 100):
                assert await turn.next() == n
                assert written <= n + BUFFERED + 1

    asyncio.run(scenario())


def test_stopping_ends_those_that_run_and_those_that_wait() -> None:
    async def scenario() -> None:
        async with (
            turns(1, 1) as (found, _),
            found.begin(until(threading.Event()), never_gone) as running,
            found.begin(until(threading.Event()), never_gone) as waiting,
        ):
            found.stop()
            for turn in (running, waiting):
                with pytest.raises(BusyError, match="stopping"):
                    await turn.next()

    asyncio.run(scenario())


# -- over HTTP


def test_a_full_server_says_when_to_come_back_and_still_does_all_else(start: Start) -> None:
    engine = WaitingEngine()
    client = start(engine, max_requests=2, max_waiting=1)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(asking(client))
        waiting = threading.Thread(target=client.post, args=("/v1/chat/completions",), kwargs={"json": HELLO})
        waiting.start()
        while "edge_requests_waiting 1" not in (metrics := client.get("/metrics").text):
            pass
        assert "edge_requests_running 2" in metrics
        for path, body in (("/chat", QUESTION), ("/v1/chat/completions", HELLO)):
            refused = client.post(path, json=body)
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) >= 1
        for path in ("/health", "/metrics", "/search?q=grease", "/packs", "/v1/models"):
            assert client.get(path).status_code == 200
        assert 'edge_requests_refused_total{reason="queue"} 2' in client.get("/metrics").text
        engine.go.set()
        waiting.join(10)


def test_a_client_that_goes_makes_room_for_the_next(start: Start) -> None:
    engine = WaitingEngine()
    client = start(engine, max_requests=1, max_waiting=0)
    for _ in range(3):
        with asking(client) as response:
            lines = response.iter_lines()  # kept: the connection ends with it
            next(lines)
            assert engine.begun.acquire(timeout=10)
            assert client.post("/chat", json=QUESTION).status_code == 503
        assert engine.ended.acquire(timeout=10)
        while "edge_requests_running 0" not in client.get("/metrics").text:
            pass


def test_a_client_that_goes_while_it_waits_is_forgotten(start: Start) -> None:
    engine = WaitingEngine()
    client = start(engine, max_requests=1, max_waiting=1)
    with asking(client):
        assert engine.begun.acquire(timeout=10)
        for _ in range(3):
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/chat/completions", json=HELLO, timeout=httpx.Timeout(10, read=0.1))
            while "edge_requests_waiting 0" not in client.get("/metrics").text:
                pass
    assert not engine.begun.acquire(blocking=False)  # none of them ever began


def test_sixty_four_are_answered_at_once(start: Start) -> None:
    engine = WaitingEngine()
    client = start(engine)
    answers: list[str] = []

    def ask() -> None:
        response = client.post("/v1/chat/completions", json=HELLO | {"stream": False})
        answers.append(response.json()["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for thread in threads:
        thread.start()
    for _ in range(64):
        assert engine.begun.acquire(timeout=20)
    engine.go.set()
    for thread in threads:
        thread.join(20)
    assert answers == ["a"] * 64
