"""A worker that shows how much of its time passes inside llama.cpp, so that the rest is Python's own cost.

`time_workers` makes engines start it in place of their workers. It shares a page of memory with its parent: every call
into llama.cpp adds to it, what the calls' wrappers themselves cost counts as Python's.

    python -m tests.bench.timed_worker FILE OPTIONS
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from edge.engine.process.options import WorkerOptions

MOST_THREADS = 16
PUBLISH_S = 0.2


class Counters(ctypes.Structure):
    """What parent and worker share."""

    _fields_ = (
        ("wall", ctypes.c_double),
        ("cpu", ctypes.c_double),
        ("threads", ctypes.c_int64 * MOST_THREADS),
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the worker's Python threads since it began.

    ``inside`` is what passed in calls into llama.cpp, ``inside_cpu`` what these threads computed there, ``cpu`` what
    they computed in all.
    """

    inside: float
    inside_cpu: float
    cpu: float

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(
            self.inside - earlier.inside, self.inside_cpu - earlier.inside_cpu, self.cpu - earlier.cpu
        )


class Clock:
    """Reads the counters of the worker that runs."""

    def __init__(self, shared: Counters) -> None:
        self._shared = shared

    def read(self) -> Spent:
        """Read what it has spent so far."""
        cpu = sum(_read_thread_seconds(thread) for thread in self._shared.threads if thread)
        return Spent(self._shared.wall, self._shared.cpu, cpu)


@contextmanager
def time_workers() -> Iterator[Clock]:
    """Give engines made in this block timed workers."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(mmap.PAGESIZE))
        file.flush()

        def make_command(options: WorkerOptions) -> list[str]:
            return [sys.executable, "-m", "tests.bench.timed_worker", file.name, options.to_json()]

        with patch("edge.engine.llama.make_command", make_command):
            yield Clock(_map_counters(Path(file.name)))


def _map_counters(path: Path) -> Counters:
    with path.open("r+b") as file:
        return Counters.from_buffer(mmap.mmap(file.fileno(), 0))


def _read_thread_seconds(thread: int) -> float:
    for found in Path("/proc").glob(f"[0-9]*/task/{thread}/schedstat"):
        return int(found.read_text().split()[0]) / 1e9
    return 0.0


def _time(function: Callable[..., Any], counters: Counters) -> Callable[..., Any]:
    wall_now, cpu_now = time.perf_counter, time.thread_time

    def call(*arguments: Any) -> Any:
        cpu, wall = cpu_now(), wall_now()
        result = function(*arguments)
        counters.wall += wall_now() - wall
        counters.cpu += cpu_now() - cpu
        return result

    return call


def _publish(counters: Counters) -> None:
    """Tell which threads are Python's, for ever: OpenMP's belong to llama.cpp."""
    while True:
        threads = [thread.native_id or 0 for thread in threading.enumerate()][:MOST_THREADS]
        counters.threads[:] = threads + [0] * (MOST_THREADS - len(threads))
        time.sleep(PUBLISH_S)


def main(path: str, options: str) -> None:
    """Run the worker with timed calls."""
    counters = _map_counters(Path(path))
    counters.wall = counters.cpu = 0.0
    threading.Thread(target=_publish, args=(counters,), daemon=True).start()

    from edge.engine.worker import __main__ as worker
    from edge.engine.worker.binding import L

    for name in dir(L):
        if type(function := getattr(L, name)) is type(L.llama_decode):
            setattr(L, name, _time(function, counters))
    worker.main([options])


if __name__ == "__main__":
    main(*sys.argv[1:])
