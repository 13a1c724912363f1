"""Keeps a worker process at hand: started when first needed, asked one request at a time, started again after it died.

What the frames mean is left to the embedder and the engine; the pipes are left to `process`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.engine.frames import Frame
from edge.engine.interface import never
from edge.engine.process import WorkerDied, WorkerProcess
from edge.errors import EngineError, ModelError

START_LIMIT_S = 180.0
SILENCE_LIMIT_S = 300.0  # 256 tokens of prompt take 40 s on one core with a 7B model
CANCEL_LIMIT_S = 10.0
POLL_S = 0.05


class RestartPolicy:
    """How long to leave a worker alone that keeps failing. Three failures in a row are free."""

    FREE = 3
    PAUSES_S = (5.0, 15.0, 60.0)

    def __init__(self) -> None:
        self._failures = 0
        self._last = 0.0

    def failed(self, now: float) -> None:
        """The worker died or did not start."""
        self._failures += 1
        self._last = now

    def succeeded(self) -> None:
        """A request was answered in full."""
        self._failures = 0

    def wait_s(self, now: float) -> float:
        """Seconds until another start makes sense."""
        excess = self._failures - self.FREE
        if excess < 0:
            return 0.0
        return max(0.0, self._last + self.PAUSES_S[min(excess, len(self.PAUSES_S) - 1)] - now)


class Worker:
    """A worker that is started when first needed and again after it died. Thread-safe: one request at a time.

    Args:
        model: the file it serves, for messages.
        command: how to start it, see `worker_command`.
        clock: seconds that never go backwards.
    """

    def __init__(
        self, model: Path, command: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model, self._command, self._clock = model, command, clock
        self._turn = threading.Lock()
        self._process: WorkerProcess | None = None
        self._facts: Frame = {}
        self._policy = RestartPolicy()
        self._failure: EngineError | None = None
        self._requests = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id while a worker runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Begin to load the model and return at once, so that other work can go on meanwhile."""
        if self._turn.acquire(blocking=False):
            try:
                if self._process is None and not self._closed and not self._policy.wait_s(self._clock()):
                    with suppress(WorkerDied):  # the first request will tell
                        self._process = WorkerProcess(self._command)
            finally:
                self._release()

    def facts(self) -> Frame:
        """What the worker said about its model.

        Raises:
            EngineError: it does not start.
        """
        self._turn.acquire()
        try:
            self._ready()
            return dict(self._facts)
        finally:
            self._release()

    def request(self, op: str, cancelled: Callable[[], bool] = never, **fields: Any) -> Iterator[Frame]:
        """Send a request and yield its replies up to the one that says ``done``; the caller waits for its turn.

        A request nobody reads any more is cancelled.

        Raises:
            EngineError: the worker failed; the next request starts it again.
        """
        while not self._turn.acquire(timeout=POLL_S):
            if cancelled():
                return
        try:
            if cancelled():
                return
            process = self._ready()
            self._requests += 1
            try:
                process.send({"op": op, "id": self._requests, **fields}, SILENCE_LIMIT_S)
                yield from self._replies(process, self._requests, cancelled)
            except WorkerDied as death:
                raise self._failed(death) from death
            self._policy.succeeded()
        finally:
            self._release()

    def close(self) -> None:
        """End the worker without waiting; a request that is running gets an error. Closing twice is allowed."""
        self._closed = True
        if process := self._process:
            process.kill()
        if self._turn.acquire(blocking=False):
            self._release()

    def _release(self) -> None:
        """End a turn. Whoever has it when the worker is closed clears away."""
        if self._closed:
            self._discard()
        self._turn.release()

    def _replies(self, process: WorkerProcess, number: int, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        finished = False
        try:
            silent_since, asked_to_stop = self._clock(), False
            while not finished:
                if not asked_to_stop and cancelled():
                    process.send({"op": "cancel", "id": number}, CANCEL_LIMIT_S)
                    asked_to_stop, silent_since = True, self._clock()
                frame = process.receive(POLL_S)
                if frame is None:
                    limit = CANCEL_LIMIT_S if asked_to_stop else SILENCE_LIMIT_S
                    if self._clock() - silent_since > limit:
                        raise WorkerDied(f"its process said nothing for {limit:.0f} s")
                    continue
                silent_since = self._clock()
                if frame.get("id") != number:
                    raise WorkerDied("its process answered a request nobody made")
                finished = "done" in frame or "error" in frame
                if "error" in frame:
                    raise EngineError(
                        f"{self._model.name}: {frame['error']}.", "Ask shorter, or with fewer passages."
                    )
                if finished or not asked_to_stop:
                    yield frame
        except GeneratorExit:
            if not finished:
                self._abandon(process, number)
            raise

    def _abandon(self, process: WorkerProcess, number: int) -> None:
        """Bring the worker back to where it takes a request, or end it."""
        try:
            process.send({"op": "cancel", "id": number}, CANCEL_LIMIT_S)
            deadline = self._clock() + CANCEL_LIMIT_S
            while self._clock() < deadline:
                frame = process.receive(POLL_S)
                if frame is not None and ("done" in frame or "error" in frame):
                    return
        except WorkerDied:
            pass
        self._discard()

    def _ready(self) -> WorkerProcess:
        if self._closed:
            raise EngineError("The engine is closed.", "Start edge again.")
        if self._facts and self._process:
            return self._process
        wait = self._policy.wait_s(self._clock())
        if wait and self._failure:
            raise type(self._failure)(
                f"{self._failure.message} After several failures it is tried again in {wait:.0f} s.",
                self._failure.hint,
            )
        try:
            self._process = self._process or WorkerProcess(self._command)
            greeting = self._process.receive(START_LIMIT_S)
        except WorkerDied as death:
            raise self._failed(death) from death
        if greeting is None:
            raise self._failed(WorkerDied(f"its process was not ready after {START_LIMIT_S:.0f} s"))
        if not isinstance(greeting.get("ready"), dict):
            raise self._failed(WorkerDied(str(greeting.get("error", "its process did not say it is ready"))))
        self._facts = greeting["ready"]
        return self._process

    def _failed(self, death: WorkerDied) -> EngineError:
        """Put the worker away and say what happened."""
        loading = not self._facts
        self._discard()
        self._policy.failed(self._clock())
        name = self._model.name
        if self._closed:
            self._failure = EngineError(f"{name}: the engine was closed.", "Ask again.")
        elif loading:
            hint = death.hint or "Check the file with `edge model list`, or add another model."
            self._failure = ModelError(f"{name} cannot be loaded: {death}.", hint)
        else:
            self._failure = EngineError(f"{name}: {death}.", death.hint or "Ask again: it is started anew.")
        return self._failure

    def _discard(self) -> None:
        if self._process:
            self._process.close()
        self._process, self._facts = None, {}
