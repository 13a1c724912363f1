from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.ui.interrupt import INTERRUPTED, leave_at_once, raise_on_interrupt

EDGE = [sys.executable, "-m", "edge"]

INTERRUPTING = """
import signal

class Interrupting:
    def __set_name__(self, owner, name):  # what is raised here becomes a RuntimeError
        signal.raise_signal(signal.SIGINT)

class Module:
    attribute = Interrupting()
"""


@pytest.fixture
def handlers() -> Iterator[None]:
    """The handler of SIGINT is that of the test again when it ends."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("module", "command"), [("typer", ["--help"]), ("fastapi", ["serve"]), ("apsw", ["pack", "list"])]
)
def test_in_the_middle_of_an_import_the_program_leaves_without_a_word(
    tmp_path: Path, home: Path, module: str, command: list[str]
) -> None:
    (tmp_path / f"{module}.py").write_text(INTERRUPTING)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "EDGE_EMBEDDER": "none"}
    done = subprocess.run(
        [*EDGE, *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


def test_while_a_command_works_it_is_an_exception(handlers: None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    leave_at_once()
    leaving = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), raise_on_interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is leaving is not signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_who_starts_the_program_may_decide_otherwise(handlers: None, handler: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    leave_at_once()
    with raise_on_interrupt():
        assert signal.getsignal(signal.SIGINT) == handler


def test_a_build_ends_with_all_its_processes(source: Path, tmp_path: Path) -> None:
    """On a terminal Ctrl-C goes to all of them, here while they are starting."""
    command = [*EDGE, "pack", "build", str(source), "-o", str(tmp_path / "pumps.kpack")]
    environment = {**os.environ, "EDGE_EMBEDDER": "none"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, process_group=0
    ) as build:
        assert build.stderr is not None
        assert build.stderr.readline().startswith("read ")
        os.killpg(build.pid, signal.SIGINT)
        said = build.stderr.read()  # returns when the processes that read documents are gone, too
    assert build.returncode == INTERRUPTED
    assert said == "The same command resumes where this one stops.\ninterrupted\n"


def test_at_a_question_nothing_is_done(ready: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*EDGE, "pack", "remove", "pumps"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as remove:
        os.close(theirs)
        assert remove.stdout is not None
        assert remove.stderr is not None
        assert remove.stdout.read(1) == b"R"
        remove.send_signal(signal.SIGINT)
        assert remove.stderr.read().strip() == b"Nothing was done."
    os.close(ours)
    assert remove.returncode == INTERRUPTED
