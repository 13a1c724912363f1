"""A worker serves many at once, dies, rests and comes back. The workers here are small real processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge.engine.process.frames import MAX_FRAME_BYTES
from edge.engine.process.session import Patience
from edge.engine.process.supervisor import RestartPolicy, Worker
from edge.errors import BusyError, EngineError, ModelError
from tests.engine.workers import ECHO, READY, WRITER, make_script_command

HESITANT = READY + "for line in sys.stdin: send(id=json.loads(line)['id'], token='a')"
"""Begins every answer and ends none."""

MakeWorker = Callable[..., Worker]


class Clock:
    """Stands still unless it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker() -> Iterator[MakeWorker]:
    made: list[Worker] = []

    def make(text: str, **options: Any) -> Worker:
        made.append(Worker(Path("model.gguf"), make_script_command(text), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(worker: Worker) -> list[object]:
    return [reply["done"] for reply in worker.request("anything")]


def write(worker: Worker, count: int) -> list[str]:
    """Return what a WRITER wrote, without the number of the request."""
    tokens = [frame["token"] for frame in worker.request("write", count=count) if "token" in frame]
    assert len({token.split(".")[0] for token in tokens}) == 1, "tokens of one request only"
    return [token.split(".")[1].strip() for token in tokens]


def test_nothing_starts_before_the_first_request(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    assert echo.pid is None
    assert ask(echo) == [{}]
    assert echo.pid is not None


def test_one_process_answers_all_requests(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    assert ask(echo) == [{}]
    pid = echo.pid
    assert ask(echo) == [{}]
    assert echo.pid == pid


def test_it_can_be_started_ahead(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    echo.start()
    assert echo.pid is not None
    assert echo.read_facts() == {"name": "fake"}


def test_many_are_answered_at_once_each_with_its_own_tokens(worker: MakeWorker) -> None:
    writer = worker(WRITER)
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: write(writer, 50), range(64)))
    assert answers == [[str(n) for n in range(50)]] * 64


def test_a_slow_reader_holds_up_nobody(worker: MakeWorker) -> None:
    writer = worker(WRITER)
    slow = writer.request("write", count=100)
    next(slow)
    assert len(write(writer, 50)) == 50
    assert len(list(slow)) == 100  # 99 tokens and the end


def test_a_request_nobody_reads_on_is_given_up(worker: MakeWorker) -> None:
    writer = worker(WRITER)
    replies = writer.request("write", count=10**9)
    number = next(replies)["id"]
    del replies
    given_up: list[int] = []
    while number not in given_up:  # else it would write for hours
        given_up = next(writer.request("given_up"))["done"]["ids"]


def test_a_cancelled_request_ends_with_what_it_cost(worker: MakeWorker) -> None:
    seen: list[dict[str, Any]] = []
    replies = worker(WRITER).request("write", lambda: len(seen) >= 5, count=10**9)
    for frame in replies:
        seen.append(frame)
    assert ["token" in frame for frame in seen] == [True] * 5 + [False]
    assert seen[-1]["done"]["tokens"] >= 5


def test_a_cancelled_request_ends_even_when_the_worker_does_not_listen(worker: MakeWorker) -> None:
    deaf = worker(READY + "for line in sys.stdin: pass")
    deaf.read_facts()
    assert list(deaf.request("anything", cancelled=iter([False, False, True]).__next__)) == []
    assert deaf.pid is not None  # it computes for somebody else maybe


def test_nobody_needs_to_wait_for_the_start(worker: MakeWorker) -> None:
    slow = worker("import threading; threading.Event().wait()")
    assert list(slow.request("anything", cancelled=iter([False, True]).__next__)) == []


def test_a_worker_that_dies_takes_all_requests_with_it_once(worker: MakeWorker) -> None:
    writer = worker(HESITANT)
    streams = [writer.request("write") for _ in range(8)]
    for stream in streams:
        next(stream)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    for stream in streams:
        with pytest.raises(EngineError, match=r"^model\.gguf: its process was ended by SIGKILL\.$") as caught:
            list(stream)
        assert "memory" in caught.value.hint
    assert next(writer.request("write"))


def test_a_death_is_one_failure_however_many_it_concerned(worker: MakeWorker, clock: Clock) -> None:
    writer = worker(HESITANT, clock=clock)
    for _ in range(2):
        streams = [writer.request("write") for _ in range(4)]
        for stream in streams:
            next(stream)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        for stream in streams:
            with pytest.raises(EngineError, match="SIGKILL"):
                list(stream)
    assert next(writer.request("write"))


def test_requests_that_are_given_up_while_it_dies_disturb_nobody(worker: MakeWorker, clock: Clock) -> None:
    writer = worker(HESITANT, clock=clock)

    def come_and_go(_: int) -> None:
        with suppress(EngineError):
            for _ in range(20):
                next(writer.request("write"))

    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            coming = threads.map(come_and_go, range(8))
            with suppress(ProcessLookupError):
                if pid := writer.pid:
                    os.kill(pid, signal.SIGKILL)
            assert list(coming) == [None] * 8
            clock.now += 100
    assert next(writer.request("write"))


def test_a_worker_that_died_while_idle_costs_no_request(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    ask(echo)
    session, pid = echo._session, echo.pid
    assert session is not None
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    session.join(10)
    assert ask(echo) == [{}]
    assert echo.pid != pid


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; sys.exit('no such model')", "no such model"),
        ('print(\'{"error": "unknown architecture"}\')', "unknown architecture"),
        ("print('{}')", "did not say it is ready"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    ],
)
def test_a_worker_that_does_not_start_is_a_model_error_for_all(
    worker: MakeWorker, text: str, message: str
) -> None:
    bad = worker(text)

    def fails(_: int) -> str:
        with pytest.raises(ModelError) as caught:
            ask(bad)
        return caught.value.message

    with ThreadPoolExecutor(4) as threads:
        messages = list(threads.map(fails, range(4)))
    assert all(message in one for one in messages)


def test_a_worker_that_takes_too_long_to_start_is_a_model_error(worker: MakeWorker) -> None:
    slow = worker("import threading; threading.Event().wait()", patience=Patience(start=0.1))
    with pytest.raises(ModelError, match="not ready after 0 s"):
        slow.read_facts()


def test_a_program_that_is_missing_is_an_error(tmp_path: Path) -> None:
    missing = Worker(Path("model.gguf"), [str(tmp_path / "missing")])
    missing.start()
    with pytest.raises(EngineError, match="could not be started"):
        ask(missing)


def test_after_three_failures_it_rests(worker: MakeWorker, clock: Clock) -> None:
    bad = worker("import sys; sys.exit('broken')", clock=clock)
    for _ in range(3):
        with pytest.raises(ModelError, match="broken"):
            ask(bad)
    with pytest.raises(ModelError, match="tried again in 5 s"):
        ask(bad)
    bad.start()
    assert bad.pid is None
    clock.now += 6
    with pytest.raises(ModelError) as caught:
        ask(bad)
    assert "tried again" not in caught.value.message


def test_an_answer_makes_up_for_failures() -> None:
    policy = RestartPolicy()
    for second in range(4):
        policy.record_failure(second)
    assert policy.compute_wait_s(4) == 14
    policy.record_success()
    assert policy.compute_wait_s(4) == 0


def test_a_refusal_concerns_one_request_only(worker: MakeWorker) -> None:
    strict = worker(
        READY
        + "for line in sys.stdin:\n frame = json.loads(line)\n"
        + " send(id=frame['id'], **({'error': 'too \\x1b[2J long'} if frame['op'] == 'long' else {'done': {}}))"
    )
    pid = strict.read_facts() and strict.pid
    with pytest.raises(EngineError, match=r"^model\.gguf: too  \[2J long\.$"):
        list(strict.request("long"))
    assert ask(strict) == [{}]
    assert strict.pid == pid


def test_what_is_too_long_for_a_frame_is_refused_before_it_does_harm(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    pid = echo.read_facts() and echo.pid
    with pytest.raises(EngineError, match="too long"):
        list(echo.request("anything", messages="x" * MAX_FRAME_BYTES))
    assert ask(echo) == [{}]
    assert echo.pid == pid


def test_one_reply_is_asked_for_and_no_flood_is_taken_for_it(worker: MakeWorker) -> None:
    assert worker(ECHO).ask("anything") == {}
    with pytest.raises(EngineError, match="no usable answer"):
        worker(WRITER).ask("write", count=10**9)
    assert worker(READY + "for line in sys.stdin: pass").ask("anything", cancelled=lambda: True) is None


def test_a_worker_with_too_much_to_do_says_so(worker: MakeWorker) -> None:
    full = worker(
        READY
        + "for line in sys.stdin: send(id=json.loads(line)['id'], error='64 requests wait already', busy=True)"
    )
    with pytest.raises(BusyError, match="64 requests wait already") as caught:
        ask(full)
    assert caught.value.hint


def test_a_worker_without_work_gives_its_memory_back(worker: MakeWorker, clock: Clock) -> None:
    echo = worker(ECHO, clock=clock, patience=Patience(idle=60))
    ask(echo)
    session = echo._session
    assert session is not None
    clock.now += 59
    session._process.wake()
    assert ask(echo) == [{}]
    assert echo._session is session
    clock.now += 61
    session._process.wake()
    session.join(10)
    assert echo.pid is None
    assert ask(echo) == [{}]  # it comes back, and that counts as no failure
    assert echo._policy._failures == 0


def test_a_worker_with_work_does_not_rest(worker: MakeWorker) -> None:
    slow = worker(
        READY + "for line in sys.stdin: time.sleep(0.3); send(id=json.loads(line)['id'], done={})",
        patience=Patience(idle=0.01),
    )
    assert ask(slow) == [{}]


def test_resting_and_asking_do_not_meet(worker: MakeWorker) -> None:
    restless = worker(ECHO, patience=Patience(idle=0.001))
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: ask(restless), range(30))) == [[{}]] * 30
    assert restless._policy._failures == 0


def test_a_closed_worker_says_so(worker: MakeWorker) -> None:
    writer = worker(WRITER)
    stream = writer.request("write", count=10**9)
    next(stream)
    writer.close()
    writer.close()
    with pytest.raises(EngineError, match="closed"):
        list(stream)
    with pytest.raises(EngineError, match="closed"):
        ask(writer)
    assert writer.pid is None


def test_closing_while_it_starts_is_an_error_for_who_waits(worker: MakeWorker) -> None:
    slow = worker("import threading; threading.Event().wait()")
    slow.start()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, slow)
        slow.close()
        with pytest.raises(EngineError, match="closed"):
            waiting.result(10)


def test_a_stopped_worker_is_given_up_and_replaced(worker: MakeWorker) -> None:
    echo = worker(ECHO, patience=Patience(ping=0.1, silence=0.3))
    ask(echo)
    pid = echo.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="no sign of life"):
        ask(echo)
    assert ask(echo) == [{}]


def test_nothing_is_left_after_many_lives(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    ask(echo)
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    pids = []
    for _ in range(20):
        session = echo._session
        assert session is not None
        pids.append(session.pid)
        os.kill(session.pid, signal.SIGKILL)
        session.join(10)
        ask(echo)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert threading.active_count() == threads
    echo.close()
    for pid in pids:
        with pytest.raises(ChildProcessError):  # a zombie would still be there to wait for
            os.waitpid(pid, os.WNOHANG)
