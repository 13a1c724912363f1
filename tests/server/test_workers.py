"""The bounded thread pool."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edge.errors import BusyError
from edge.server.workers import Workers


def test_work_runs_in_a_thread_and_its_error_comes_back() -> None:
    workers = Workers("test", threads=1, waiting=1)
    assert asyncio.run(workers.run(lambda: threading.current_thread().name)).startswith("test")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(workers.run(lambda: 1 // 0))
    workers.close()


def test_what_would_wait_beyond_the_bound_is_refused() -> None:
    workers, go = Workers("test", threads=1, waiting=1), threading.Event()
    accepted = [workers.submit(go.wait) for _ in range(2)]
    with pytest.raises(BusyError) as caught:
        workers.submit(go.wait)
    assert caught.value.hint
    go.set()
    assert all(future.result(10) for future in accepted)
    workers.close()


def test_room_is_given_back() -> None:
    workers = Workers("test", threads=1, waiting=0)
    for _ in range(5):
        asyncio.run(workers.run(lambda: None))
    workers.close()


def test_a_closed_pool_takes_nothing() -> None:
    workers = Workers("test", threads=1, waiting=1)
    workers.close()
    for _ in range(5):
        with pytest.raises(BusyError, match="stopping"):
            workers.submit(lambda: None)
