"""What a worker may do wrong. The workers here are small real processes that misbehave on purpose."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.engine.frames import encode
from edge.engine.process import WORKER_ARGUMENT, worker_command
from edge.engine.supervisor import RestartPolicy, Worker
from edge.errors import EngineError, ModelError
from tests.engine.workers import writer

READY = 'import json, os, sys\nprint(json.dumps({"ready": {"name": "fake"}}), flush=True)\n'
ECHO = (
    READY
    + 'for line in sys.stdin:\n print(json.dumps({"id": json.loads(line)["id"], "done": {}}), flush=True)\n'
)

MakeWorker = Callable[..., Worker]


class Clock:
    """Stands still, or goes on by a step whenever somebody looks."""

    now = step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(clock: Clock) -> Iterator[MakeWorker]:
    made: list[Worker] = []

    def make(script: str) -> Worker:
        made.append(Worker(Path("model.gguf"), [sys.executable, "-c", script], clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(worker: Worker) -> list[object]:
    return [reply["done"] for reply in worker.request("anything")]


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
    assert echo.facts() == {"name": "fake"}


def test_threads_take_turns(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.extend(ask(echo))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{}] * 8


def test_who_waits_for_a_turn_can_give_up(worker: MakeWorker) -> None:
    slow = worker(READY + 'print(json.dumps({"id": 1, "token": "a"}), flush=True)\nsys.stdin.read()\n')
    stream = slow.request("anything")
    next(stream)
    assert list(slow.request("anything", cancelled=lambda: True)) == []
    slow.close()
    with pytest.raises(EngineError, match="closed"):
        list(stream)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("sys.exit('no weights today')", "exit code 1: no weights today"),
        ("os.abort()", "SIGABRT"),
        ("print('hello', flush=True)", "something else than an answer"),
        ("print('[1]', flush=True)", "something else than an answer"),
        ('print(json.dumps({"id": 77, "done": {}}), flush=True)', "a request nobody made"),
        ("print('{\"a\":' * 100_000, flush=True)", "something else than an answer"),
        ("os.close(1)", "closed its output"),
        ("sys.stdout.write('x' * 40_000_000)", "a line without end"),
    ],
)
def test_a_worker_that_misbehaves_is_an_error(worker: MakeWorker, behaviour: str, message: str) -> None:
    bad = worker(READY + "sys.stdin.readline()\n" + behaviour + "\nsys.stdin.read()\n")
    with pytest.raises(EngineError, match=message) as caught:
        ask(bad)
    assert not isinstance(caught.value, ModelError)
    assert bad.pid is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('no such model')", "no such model"),
        ('print(\'{"error": "unknown architecture"}\')', "unknown architecture"),
        ("print('{}')", "did not say it is ready"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    ],
)
def test_a_worker_that_does_not_start_is_a_model_error(worker: MakeWorker, script: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ask(worker(script))


def test_a_program_that_is_missing_is_an_error(tmp_path: Path) -> None:
    missing = Worker(Path("model.gguf"), [str(tmp_path / "missing")])
    with pytest.raises(EngineError, match="could not be started"):
        ask(missing)


def test_complaints_do_not_block_the_worker(worker: MakeWorker) -> None:
    noise = 'sys.stderr.write("noise\\n" * 100_000)\n'
    noisy = worker("import sys\n" + noise + ECHO.replace("for line", f"{noise}for line"))
    assert ask(noisy) == [{}]


def test_after_three_failures_it_rests(worker: MakeWorker, clock: Clock) -> None:
    bad = worker("import sys; sys.exit('broken')")
    for _ in range(3):
        with pytest.raises(ModelError, match="broken"):
            ask(bad)
    with pytest.raises(ModelError, match="tried again in 5 s"):
        ask(bad)
    clock.now += 6
    with pytest.raises(ModelError) as caught:
        ask(bad)
    assert "tried again" not in caught.value.message


def test_an_answer_makes_up_for_failures() -> None:
    policy = RestartPolicy()
    for second in range(4):
        policy.failed(second)
    assert policy.wait_s(4) == 14
    policy.succeeded()
    assert policy.wait_s(4) == 0


@pytest.mark.parametrize("busy", [False, True])
def test_the_worker_ends_with_its_parent(endless_model: Path, busy: bool) -> None:
    command = worker_command(writer(endless_model))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        if busy:
            request = {
                "op": "generate",
                "id": 1,
                "messages": [{"role": "user", "content": "Count."}],
                "max_tokens": 4000,
            }
            process.stdin.write(encode(request))
            process.stdin.flush()
            assert b"token" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_the_one_file_executable_is_its_own_worker(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    options = writer(model)
    assert worker_command(options) == [sys.executable, WORKER_ARGUMENT, options.to_json()]


def test_what_libraries_print_does_not_disturb_the_frames(model: Path) -> None:
    script = (
        "import os, sys, edge.engine.worker.__main__ as w\n"
        "real = w.open_task\n"
        "def noisy(options):\n os.write(1, b'printf\\n'); print('print', flush=True)\n return real(options)\n"
        "w.open_task = noisy\n"
        f"w.main([{writer(model, 64).to_json()!r}])\n"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b'{"ready"')
        _, errors = process.communicate(timeout=30)
    assert b"printf" in errors
    assert b"print\n" in errors


def test_a_silent_worker_is_given_up_after_a_while(worker: MakeWorker, clock: Clock) -> None:
    silent = worker(READY + "sys.stdin.read()")
    silent.facts()
    clock.step = 200
    with pytest.raises(EngineError, match="said nothing for 300 s"):
        ask(silent)


def test_a_worker_that_ignores_a_cancellation_is_ended(worker: MakeWorker, clock: Clock) -> None:
    deaf = worker(READY + "sys.stdin.read()")
    deaf.facts()
    clock.step = 6
    looks = iter([False])
    with pytest.raises(EngineError, match="said nothing for 10 s"):
        list(deaf.request("anything", cancelled=lambda: next(looks, True)))
    assert deaf.pid is None


def test_who_reads_no_further_than_the_end_leaves_the_worker_in_peace(worker: MakeWorker) -> None:
    echo = worker(ECHO)
    replies = echo.request("anything")
    next(replies)
    pid = echo.pid
    del replies
    assert ask(echo) == [{}]
    assert echo.pid == pid
