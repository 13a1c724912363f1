"""One life of a worker process, seen from its parent: the command, the pipes, the end.

A worker is never trusted: what it sends is JSON of bounded size, and nothing it does or omits blocks the caller for
longer than the caller allows. Starting it again is left to the supervisor.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from edge.engine import frames
from edge.engine.frames import Frame
from edge.engine.options import WorkerOptions

WORKER_ARGUMENT = "engine-worker"
"""First argument that makes the one-file executable a worker instead of the command line."""

STDERR_BYTES = 4096

_READ = select.POLLIN | select.POLLHUP | select.POLLERR

_SIGNAL_HINTS = {
    signal.SIGKILL: "The system may have run out of memory: use a smaller model or a shorter context.",
    signal.SIGILL: "This build of llama.cpp needs instructions this processor does not have.",
    signal.SIGBUS: "The model file may have changed while in use, or its disk failed: add it again.",
}


def worker_command(options: WorkerOptions) -> list[str]:
    """The command line of a worker, from an installed package or from the one-file executable."""
    frozen = getattr(sys, "frozen", False)
    program = [WORKER_ARGUMENT] if frozen else ["-P", "-m", "edge.engine.worker"]
    return [sys.executable, *program, options.to_json()]


class WorkerDied(Exception):
    """The worker ended, fell silent or broke the protocol; ``hint`` says what may help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class WorkerProcess:
    """One life of a worker: its pipes and its end."""

    def __init__(self, command: Sequence[str]) -> None:
        # Passive waiting: spinning OpenMP threads on busy cores cost 490 ms for an embedding instead of 16.
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
        pipe = subprocess.PIPE
        try:
            self._popen = subprocess.Popen(
                command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, process_group=0
            )
        except OSError as error:
            raise WorkerDied(f"its process could not be started: {error.strerror or error}") from error
        streams = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        self._stdin, self._stdout, self._stderr = (stream.fileno() for stream in streams if stream)
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        self._poll = select.poll()
        self._poll.register(self._stdout, _READ)
        self._poll.register(self._stderr, _READ)
        self._received = bytearray()
        self._complaints = bytearray()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def send(self, frame: Frame, limit_s: float) -> None:
        """Write a frame.

        Raises:
            WorkerDied: it does not read.
        """
        with suppress(OSError, KeyError):
            self._read_stderr()
        self._complaints.clear()  # they were about something else
        data = memoryview(frames.encode(frame))
        writable = select.poll()
        writable.register(self._stdin, select.POLLOUT)
        deadline = time.monotonic() + limit_s
        while data:
            if not writable.poll(_milliseconds(deadline)):
                raise WorkerDied(f"its process took no question for {limit_s:.0f} s")
            try:
                data = data[os.write(self._stdin, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._death() from error

    def receive(self, limit_s: float) -> Frame | None:
        """The next frame, or None when there is none yet.

        Raises:
            WorkerDied: the worker ended or sent something that is not a frame.
        """
        deadline = time.monotonic() + limit_s
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > frames.MAX_FRAME_BYTES:
                raise WorkerDied("its process sent a line without end")
            ready = dict(self._poll.poll(_milliseconds(deadline)))
            if not ready:
                return None
            if self._stderr in ready:
                self._read_stderr()
            if self._stdout in ready:
                self._read_stdout()
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        try:
            return frames.decode(line)
        except frames.FrameError as error:
            raise WorkerDied(f"its process sent something else than an answer ({error})") from error

    def kill(self) -> None:
        """End the process; a caller waiting for a frame gets WorkerDied."""
        self._popen.kill()

    def close(self) -> None:
        """End the process and give back its pipes."""
        self._popen.kill()
        self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream:
                stream.close()

    def _read_stdout(self) -> None:
        chunk = os.read(self._stdout, 2**16)
        if not chunk:
            raise self._death()
        self._received += chunk

    def _read_stderr(self) -> None:
        chunk = os.read(self._stderr, 2**16)
        self._complaints = (self._complaints + chunk)[-STDERR_BYTES:]
        if not chunk:
            self._poll.unregister(self._stderr)

    def _death(self) -> WorkerDied:
        try:
            code = self._popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return WorkerDied("its process closed its output")
        with suppress(OSError, KeyError):  # nothing more to read, or its end was already seen
            self._read_stderr()
        lines = self._complaints.decode(errors="replace").strip().splitlines()
        last = f": {lines[-1].strip()}" if lines else ""
        if code >= 0:
            return WorkerDied(f"its process ended with exit code {code}{last}")
        name = signal.Signals(-code)
        return WorkerDied(f"its process was ended by {name.name}{last}", _SIGNAL_HINTS.get(name, ""))


def _milliseconds(deadline: float) -> int:
    return max(0, int((deadline - time.monotonic()) * 1000))
