"""Disks that fail, and processes that are killed, at any step one likes."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "fcntl.flock", "fsync"}
MOST_STEPS = 2000


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Let the kernel refuse to let a file grow beyond ``size``: a real failing write, in the middle of one."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def fail(patch: pytest.MonkeyPatch, call: str, code: int, number: int) -> None:
    """Let the call of ``os`` with this number (from 0) fail with this error, and no other."""
    real = getattr(os, call)
    calls = iter(range(100_000))

    def fail_in_turn(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            raise OSError(code, os.strerror(code), str(arguments[0]))
        return real(*arguments, **options)

    patch.setattr(os, call, fail_in_turn)


def kill_at_every_step(home: Path, work: Callable[[Path], None]) -> list[Path]:
    """Do ``work`` on copies of ``home``, killed before the n-th file-system call for every n until it gets through.

    Args:
        home: the folder to start from; its copies lie beside it.
        work: a function of a module, given the copy. It runs in another process, once unharmed before the others.

    Returns:
        the copies as the kills left them, and at last one on which the work was done.
    """
    command = [sys.executable, "-m", "tests.faults", work.__module__, work.__name__, str(home)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(home.parent.glob("killed-*"))


def _kill_before(countdown: int) -> None:
    def count(event: str, *_: object) -> None:
        nonlocal countdown
        countdown -= event in STEPS
        if event in STEPS and countdown < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    real = os.fsync
    os.fsync = lambda descriptor: (count("fsync"), real(descriptor))[1]
    sys.addaudithook(count)


def _main(module: str, function: str, saved: Path) -> int:
    """Fork a child for every step: what it would import and cache is here already, from the unharmed run."""
    work = getattr(import_module(module), function)
    warm = shutil.copytree(saved, saved.parent / "warm")
    work(warm)
    for countdown in range(MOST_STEPS):
        home = shutil.copytree(saved, saved.parent / f"killed-{countdown:04}")
        child = os.fork()
        if not child:
            _kill_before(countdown)
            work(home)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status)
    return 1


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
