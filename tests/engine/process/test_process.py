"""Pipes to a process that may do anything. The processes here are real and misbehave on purpose."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.engine.process.frames import MAX_FRAME_BYTES, encode
from edge.engine.process.process import WORKER_ARGUMENT, WorkerDied, WorkerProcess, make_command
from tests.engine.workers import make_script_command, make_writer

Start = Callable[..., WorkerProcess]

DEAF = "import sys, threading\nthreading.Event().wait()"


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[WorkerProcess] = []

    def call(text: str, inherit: tuple[int, ...] = ()) -> WorkerProcess:
        made.append(WorkerProcess(make_script_command(text), inherit))
        return made[-1]

    yield call
    for process in made:
        process.close()


def test_frames_go_both_ways(start: Start) -> None:
    process = start("import sys\nfor line in sys.stdin: print(line, end='', flush=True)")
    process.send({"op": "é", "id": 1})
    assert process.receive(10) == {"op": "é", "id": 1}


def test_there_is_not_always_a_frame(start: Start) -> None:
    assert start(DEAF).receive(0.01) is None


def test_who_waits_can_be_woken(start: Start) -> None:
    process = start(DEAF)
    process.wake()
    assert process.receive(None) is None


def test_frames_larger_than_the_pipe_get_through(start: Start) -> None:
    process = start("import sys\nfor line in sys.stdin: print('{\"n\":%d}' % len(line), flush=True)")
    for _ in range(4):
        process.send({"op": "x" * 3_000_000})
    answers: list[object] = []
    while len(answers) < 4:
        answers += filter(None, [process.receive(20)])  # it may also just have been woken to write on
    assert answers == [{"n": 3_000_010}] * 4


def test_a_process_that_reads_nothing_blocks_nobody(start: Start) -> None:
    process, frame = start(DEAF), {"op": "x" * (MAX_FRAME_BYTES - 20)}
    for _ in range(4):
        process.send(frame)
    with pytest.raises(WorkerDied, match="takes no more questions"):
        process.send(frame)


def test_what_is_sent_to_a_dead_process_is_lost_in_silence(start: Start) -> None:
    process = start("")
    with pytest.raises(WorkerDied, match="exit code 0"):
        process.receive(10)
    process.send({"op": "cancel"})
    process.close()
    process.send({"op": "cancel"})
    process.wake()
    process.kill()
    process.close()


def test_the_last_complaint_says_why_it_ended_and_cannot_steer_the_terminal(start: Start) -> None:
    process = start("import sys; sys.exit('no weights\\x1b[31m today')")
    with pytest.raises(WorkerDied, match=r"exit code 1: no weights \[31m today$"):
        process.receive(10)


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (6, "SIGABRT"), (40, "Real-time signal 6")])
def test_a_signal_has_a_name(start: Start, number: int, name: str) -> None:
    process = start(f"import os; os.kill(os.getpid(), {number})")
    with pytest.raises(WorkerDied, match=f"ended by {name}"):
        process.receive(10)


def test_a_line_without_end_is_not_kept(start: Start) -> None:
    process = start("import sys\nsys.stdout.write('x' * 40_000_000)")
    with pytest.raises(WorkerDied, match="a line without end"):
        process.receive(10)


def test_a_flood_of_complaints_does_not_disturb(start: Start) -> None:
    process = start("import sys\nsys.stderr.write('noise\\n' * 100_000)\nprint('{}', flush=True)")
    assert process.receive(10) == {}


def test_a_missing_program_leaves_nothing_behind(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(WorkerDied, match="could not be started: No such file"):
        WorkerProcess([str(tmp_path / "missing")])
    assert os.listdir("/proc/self/fd") == before


def test_the_process_inherits_what_it_is_given_and_nothing_else(start: Start) -> None:
    given, other = os.memfd_create("given"), os.memfd_create("other")
    os.set_inheritable(other, True)
    text = f"""
import os
os.write({given}, b"state")
try: os.fstat({other})
except OSError: print("{{}}", flush=True)
"""
    assert start(text, (given,)).receive(10) == {}
    assert os.pread(given, 10, 0) == b"state"
    os.close(given)
    os.close(other)


def test_the_process_learns_no_secrets(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "EDGE_TOKEN", "EDGE_KEYS_PASSPHRASE", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    process = start("import json, os; print(json.dumps(dict(os.environ)), flush=True)")
    frame = process.receive(10)
    assert frame is not None
    assert "secret" not in frame.values()
    assert frame["CUDA_VISIBLE_DEVICES"] == "1"
    assert frame["OMP_WAIT_POLICY"] == "passive"


@pytest.mark.parametrize("busy", [False, True])
def test_the_worker_ends_with_its_parent(endless_model: Path, busy: bool) -> None:
    command = make_command(make_writer(endless_model))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        if busy:
            messages = [{"role": "user", "content": "Count."}]
            request = {"op": "generate", "id": 1, "messages": messages, "max_tokens": 1000, "sampling": {}}
            process.stdin.write(encode(request))
            process.stdin.flush()
            assert b"token" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_the_one_file_executable_is_its_own_worker(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    options = make_writer(model)
    assert make_command(options) == [sys.executable, WORKER_ARGUMENT, options.to_json()]


def test_what_libraries_print_does_not_disturb_the_frames(model: Path) -> None:
    text = (
        "import os, sys, edge.engine.worker.__main__ as w\n"
        "real = w.open_task\n"
        "def noisy(options):\n os.write(1, b'printf\\n'); print('print', flush=True)\n return real(options)\n"
        "w.open_task = noisy\n"
        f"w.main([{make_writer(model, 64).to_json()!r}])\n"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", text]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b'{"ready"')
        _, errors = process.communicate(timeout=30)
    assert b"printf" in errors
    assert b"print\n" in errors
