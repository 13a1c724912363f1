"""Keeps a worker at hand: started when first needed, asked by many at once, started again after it died or rested.

The meaning of frames is left to the embedder and the engine, one session of a worker to `session`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.engine.interface import RefusedError
from edge.engine.process.frames import Frame, FrameError, clean
from edge.engine.process.process import WorkerDied, WorkerProcess
from edge.engine.process.reply import Reply
from edge.engine.process.session import Answerer, Hooks, Patience, Session
from edge.errors import BusyError, EdgeError, EngineError, ModelError
from edge.models.integrity import Guard
from edge.types import never

POLL_S = 0.05
CANCEL_S = 1.0
"""Seconds that the end of a cancelled request is waited for: it tells what the request cost."""

CLOSE_S = 2.0
TOO_LONG = "Ask shorter, or with fewer passages."
PATIENCE = Patience()


class RestartPolicy:
    """Pauses before a worker that keeps failing is started again. Three failures in a row are free."""

    FREE = 3
    PAUSES_S = (5.0, 15.0, 60.0)

    def __init__(self) -> None:
        self._failures = 0
        self._last = 0.0

    def record_failure(self, now: float) -> None:
        """Record that the worker died or did not start."""
        self._failures += 1
        self._last = now

    def record_success(self) -> None:
        """Record that a request was answered in full."""
        self._failures = 0

    def compute_wait_s(self, now: float) -> float:
        """Return seconds until another start makes sense."""
        excess = self._failures - self.FREE
        if excess < 0:
            return 0.0
        return max(0.0, self._last + self.PAUSES_S[min(excess, len(self.PAUSES_S) - 1)] - now)


class Worker:
    """A worker that is started when first needed and again after it died. Thread-safe; requests do not wait for
    each other here.

    Args:
        model: the file it serves, for messages.
        command: how to start it, see `make_command`; a function is asked at every start.
        clock: seconds that never go backwards.
        patience: its time limits, and when to end it for lack of work.
        answer: replies to what the worker asks; called in a thread of its own, one ask at a time.
        greet: frames to send whenever a worker has become ready.
        inherit: descriptors that the worker gets, under the same numbers.
        guard: checks the model's files at every start.
    """

    def __init__(
        self,
        model: Path,
        command: Sequence[str] | Callable[[], Sequence[str]],
        clock: Callable[[], float] = time.monotonic,
        *,
        patience: Patience = PATIENCE,
        answer: Answerer | None = None,
        greet: Callable[[], Iterable[Frame]] | None = None,
        inherit: Sequence[int] = (),
        guard: Guard | None = None,
    ) -> None:
        self._model, self._command, self._clock, self._guard = model, command, clock, guard
        self._patience, self._hooks, self._inherit = patience, Hooks(answer, greet), inherit
        self._lock = threading.Lock()  # over what follows
        self._session: Session | None = None
        self._policy = RestartPolicy()
        self._failure: EngineError | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id while a worker runs."""
        session = self._session
        return session.pid if session else None

    def start(self) -> None:
        """Begin to load the model and return at once, so that other work can go on meanwhile."""
        with self._lock:
            if self._session is None and not self._closed and not self._policy.compute_wait_s(self._clock()):
                try:
                    self._begin_session()
                except EdgeError:  # the first request will tell
                    return

    def read_facts(self) -> Frame:
        """Return what the worker said about its model.

        Raises:
            EngineError: it does not start.
        """
        session = self._wait_for_session(never)
        return dict(session.facts or {}) if session else {}

    def request(self, op: str, cancelled: Callable[[], bool] = never, **fields: Any) -> Iterator[Frame]:
        """Send a request and yield its replies, up to the one that says ``done``.

        Cancelled, it ends within about a second, with that last reply or without. A request nobody reads any more is
        given up, and so is one whose reader is thousands of replies behind.

        Raises:
            BusyError: too many requests wait in the worker.
            EngineError: the worker failed, which the next request makes up for by starting it again; or it refused.
        """
        while True:
            session = self._wait_for_session(cancelled)
            if session is None or cancelled():
                return
            try:
                reply = session.submit(op, fields)
            except WorkerDied as death:
                raise self._make_error(death) from death
            except FrameError as error:
                raise EngineError(f"{self._model.name}: {error}.", TOO_LONG) from error
            if reply is not None:
                break
            session.join(POLL_S)  # it ended just now; the next one is asked
        try:
            yield from self._read_replies(session, reply, cancelled)
        finally:
            session.leave(reply)

    def ask(self, op: str, cancelled: Callable[[], bool] = never, **fields: Any) -> Frame | None:
        """Send a request that has one reply, and return what that says; None when it was cancelled first.

        Raises:
            BusyError, EngineError: as `request`.
        """
        for reply in self.request(op, cancelled, **fields):
            if "done" not in reply:
                raise EngineError(f"{self._model.name} gave no usable answer.", "Ask again.")
            done: Frame = reply["done"]
            return done
        return None

    def close(self) -> None:
        """End the worker; requests that are running get an error. Closing twice is allowed."""
        self._closed = True
        if self._guard:
            self._guard.close()  # first: a thread that begins a session may be waiting for it, with the lock
        with self._lock:
            session = self._session
        if session:
            session.end()
            session.join(CLOSE_S)

    def _stop(self) -> None:
        """End the process; the next request starts another."""
        if session := self._session:
            session.end()

    def _read_replies(self, session: Session, reply: Reply, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        stop_at = 0.0
        while True:
            if not stop_at and cancelled():
                session.cancel(reply)
                stop_at = time.monotonic() + CANCEL_S
            elif stop_at and time.monotonic() > stop_at:
                return
            frame = reply.get(None if cancelled is never else POLL_S)
            if isinstance(frame, WorkerDied):
                if stop_at:
                    return
                raise self._make_error(frame) from frame
            if frame is None or (stop_at and "token" in frame):
                continue
            if "error" in frame:
                raise self._make_refusal(frame)
            if "done" in frame:
                self._policy.record_success()
                yield frame
                return
            yield frame

    def _wait_for_session(self, cancelled: Callable[[], bool]) -> Session | None:
        """Return a session whose worker is ready; None when the caller gave up meanwhile."""
        while not self._lock.acquire(
            timeout=POLL_S
        ):  # another thread begins a session, which may take seconds
            if cancelled():
                return None
        try:
            session = self._session or self._begin_session()
        finally:
            self._lock.release()
        while not session.wait_until_settled(None if cancelled is never else POLL_S):
            if cancelled():
                return None
        if session.facts is None:
            raise self._make_error(session.death or WorkerDied("it did not start"), loading=True)
        if self._guard and self._guard.damage:  # found before there was a session to end
            self._stop()
            raise self._guard.damage
        return session

    def _begin_session(self) -> Session:
        """Start a process; the lock is held."""
        if self._closed:
            raise EngineError("The engine is closed.", "Start edge again.")
        wait = self._policy.compute_wait_s(self._clock())
        if wait and self._failure:
            raise type(self._failure)(
                f"{self._failure.message} After several failures it is tried again in {math.ceil(wait)} s.",
                self._failure.hint,
            )
        if self._guard:
            self._guard.check_before_loading(self._stop)
        try:
            command = self._command() if callable(self._command) else self._command
            process = WorkerProcess(command, self._inherit)
        except WorkerDied as death:
            self._policy.record_failure(self._clock())
            self._failure = self._make_error(death, loading=True)
            raise self._failure from death
        try:
            self._session = Session(process, self._patience, self._hooks, self._forget_session, self._clock)
        except RuntimeError as error:  # no more threads
            process.close()
            raise EngineError(f"{self._model.name}: {error}.", "Close other programs.") from error
        return self._session

    def _forget_session(self, session: Session, death: WorkerDied | None) -> None:
        """Forget a session that is over, by death or on purpose."""
        with self._lock:
            self._session = None
            if death:
                self._policy.record_failure(self._clock())
                self._failure = self._make_error(death, loading=session.facts is None)

    def _make_error(self, death: WorkerDied, loading: bool = False) -> EngineError:
        name = self._model.name
        if self._guard and self._guard.damage:
            return self._guard.damage
        if self._closed:
            return EngineError(f"{name}: the engine was closed.", "Ask again.")
        if loading:
            hint = death.hint or "Check the file with `edge model list`, or add another model."
            return ModelError(f"{name} cannot be loaded: {death}.", hint)
        return EngineError(f"{name}: {death}.", death.hint or "Ask again: it is started anew.")

    def _make_refusal(self, frame: Frame) -> EdgeError:
        """Make the error for a request that the worker cannot answer."""
        message = f"{self._model.name}: {clean(frame['error'])}."
        if frame.get("busy") is True:
            return BusyError(message, "Try again in a moment.")
        return RefusedError(message, "Ask shorter, or with fewer passages.")
