"""One process of a worker, seen from its parent: the command, the pipes, the end.

A worker is never trusted: what it sends is JSON of bounded size, and nothing it does or omits blocks the one who sends
to it. The meaning of frames is left to `session`, starting it again to the supervisor.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from edge.embedded.part import locate
from edge.engine.process import frames
from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions

WORKER_ARGUMENT = "engine-worker"
"""First argument that makes the one-file executable a worker instead of the command line."""

MAX_REPLY_BYTES = 4 * 2**20
"""No answer is longer: 64 vectors take 0.13 MB."""

MAX_WAITING_BYTES = 4 * frames.MAX_FRAME_BYTES
"""A worker that leaves so much unread does not work any more."""

PASSED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV")
PASSED_FAMILIES = (
    "LC_",
    "LD_",
    "PYTHON",
    "_PYI_",
    "OMP_",
    "GOMP_",
    "GGML_",
    "CUDA_",
    "NVIDIA_",
    "HIP_",
    "VK_",
)
"""Variables that a worker gets."""

STDERR_BYTES = 4096
REAP_S = 10.0
RECENT_S = 5.0
"""A complaint this old has nothing to do with the end."""

_CHUNK = 2**16
_READ = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITE = select.POLLOUT | select.POLLHUP | select.POLLERR

_SIGNAL_HINTS: dict[int, str] = {
    signal.SIGKILL: "The system may have run out of memory: use a smaller model or a shorter context.",
    signal.SIGILL: "This build of llama.cpp needs instructions this processor does not have.",
    signal.SIGBUS: "The model file may have changed while in use, or its disk failed: add it again.",
}


def make_command(options: WorkerOptions) -> list[str]:
    """Return the command line of a worker, from an installed package or from the one-file executable."""
    frozen = getattr(sys, "frozen", False)
    program = [WORKER_ARGUMENT] if frozen else ["-P", "-m", "edge.engine.worker"]
    with suppress(OSError):  # it cannot be read: the worker will say so
        if inside := locate(options.model):
            options = replace(options, model=inside.path, offset=inside.offset)
    return [sys.executable, *program, options.to_json()]


class WorkerDied(Exception):
    """The worker ended, fell silent or broke the protocol; ``hint`` says what may help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class WorkerProcess:
    """A running worker. One thread receives and closes; any thread may send, wake or kill.

    Args:
        command: how to start it, see `make_command`.
        inherit: descriptors it gets, under the same numbers.

    Raises:
        WorkerDied: it cannot be started.
    """

    def __init__(self, command: Sequence[str], inherit: Sequence[int] = ()) -> None:
        self._woken, self._waker = _make_pipe()
        try:
            self._popen = _start(command, inherit)
        except OSError as error:
            os.close(self._woken)
            os.close(self._waker)
            raise _make_start_error(error) from error
        streams = (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        self._stdin, self._stdout, self._stderr = (stream.fileno() for stream in streams if stream)
        for descriptor in (self._stdin, self._stdout, self._stderr, self._woken, self._waker):
            os.set_blocking(descriptor, False)
        self._poll = select.poll()
        for descriptor in (self._stdout, self._stderr, self._woken):
            self._poll.register(descriptor, _READ)
        self._lock = (
            threading.Lock()
        )  # over the descriptors: nobody may write to a number that is somebody else's
        self._closed = False
        self._waiting = bytearray()
        self._received = bytearray()
        self.frame_bytes = 0  # of the frame received last
        self._complaints = bytearray()
        self._complained = 0.0

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def send(self, frame: Frame) -> None:
        """Hand a frame to the process, at once or when it reads again. Never blocks; to a dead one it does nothing.

        Raises:
            WorkerDied: it has not read for a long time.
            FrameError: the frame is too long.
        """
        data = frames.encode(frame)
        with self._lock:
            if self._closed:
                return
            if len(self._waiting) + len(data) > MAX_WAITING_BYTES:
                raise WorkerDied("its process takes no more questions")
            self._waiting += data
            if len(self._waiting) == len(data):
                self._write()
            if self._waiting:
                self._wake()

    def wake(self) -> None:
        """Let `receive` return now."""
        with self._lock:
            if not self._closed:
                self._wake()

    def receive(self, limit_s: float | None) -> Frame | None:
        """Return the next frame; None when none came in time, or after `wake`.

        Args:
            limit_s: seconds to wait; None for as long as it takes.

        Raises:
            WorkerDied: the worker ended or sent something that is not a frame.
        """
        deadline = None if limit_s is None else time.monotonic() + limit_s
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > MAX_REPLY_BYTES:
                raise WorkerDied("its process sent a line without end")
            ready = dict(self._poll_until(deadline))
            if self._stdin in ready:
                with self._lock:
                    self._write()
            if self._stderr in ready:
                self._read_stderr()
            if self._stdout in ready:
                self._read_stdout()
            elif self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, _CHUNK)
                return None
            elif not ready:
                return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        self.frame_bytes = len(line)
        try:
            return frames.decode(line)
        except frames.FrameError as error:
            raise WorkerDied(f"its process sent something else than an answer ({error})") from error

    def kill(self) -> None:
        """End the process; `receive` then raises WorkerDied."""
        with self._lock:
            if not self._closed:
                self._popen.kill()

    def close(self) -> None:
        """End the process and give back its pipes."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._popen.kill()
        with suppress(
            subprocess.TimeoutExpired
        ):  # it hangs in the kernel, for instance on a failed disk: nothing can be done here
            self._popen.wait(REAP_S)
        for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if stream:
                stream.close()
        os.close(self._woken)
        os.close(self._waker)

    def _poll_until(self, deadline: float | None) -> list[tuple[int, int]]:
        with self._lock:
            if self._waiting:
                self._poll.register(self._stdin, _WRITE)
            else:
                with suppress(KeyError):
                    self._poll.unregister(self._stdin)
        if deadline is None:
            return self._poll.poll()
        return self._poll.poll(max(0, deadline - time.monotonic()) * 1000)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: it is awake
            os.write(self._waker, b"w")

    def _write(self) -> None:
        """Write what waits, as far as the pipe takes it."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self._stdin, self._waiting)]
        except BlockingIOError:
            pass
        except OSError:  # its end will be seen where it is read
            self._waiting.clear()

    def _read_stdout(self) -> None:
        chunk = os.read(self._stdout, _CHUNK)
        if not chunk:
            raise self._explain_death()
        self._received += chunk

    def _read_stderr(self) -> None:
        chunk = os.read(self._stderr, _CHUNK)
        recent = self._complaints if self._complains_recently() else b""
        self._complaints = bytearray(recent + chunk)[-STDERR_BYTES:]
        self._complained = time.monotonic()
        if not chunk:
            self._poll.unregister(self._stderr)

    def _complains_recently(self) -> bool:
        return time.monotonic() - self._complained < RECENT_S

    def _explain_death(self) -> WorkerDied:
        try:
            code = self._popen.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return WorkerDied("its process closed its output")
        with suppress(OSError, KeyError):  # nothing more to read, or its end was already seen
            self._read_stderr()
        lines = self._complaints.decode(errors="replace").strip().splitlines()
        last = f": {frames.clean(lines[-1])}" if lines and self._complains_recently() else ""
        if code >= 0:
            return WorkerDied(f"its process ended with exit code {code}{last}")
        name = signal.strsignal(-code) if -code not in set(signal.Signals) else signal.Signals(-code).name
        return WorkerDied(f"its process was ended by {name}{last}", _SIGNAL_HINTS.get(-code, ""))


def _make_pipe() -> tuple[int, int]:
    try:
        return os.pipe()
    except OSError as error:
        raise _make_start_error(error) from error


def _start(command: Sequence[str], inherit: Sequence[int]) -> subprocess.Popen[bytes]:
    # Passive waiting: spinning OpenMP threads on busy cores cost 490 ms for an embedding instead of 16.
    # No backtrace: a failed assertion of ggml would look for a debugger and start it.
    settings = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "GGML_NO_BACKTRACE": "1"}
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**_select_variables(os.environ), **settings},
        process_group=0,
        pass_fds=inherit,
    )


def _select_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Select the variables that libraries read; keys and passphrases are none of a worker's business."""
    return {
        name: value for name, value in environ.items() if name in PASSED or name.startswith(PASSED_FAMILIES)
    }


def _make_start_error(error: OSError) -> WorkerDied:
    return WorkerDied(f"its process could not be started: {error.strerror or error}")
