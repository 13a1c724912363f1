"""One session of a worker: many requests at once, their answers handed to those who wait, until its process ends.

A thread reads what the worker sends and checks all of it. When the session ends, for whatever reason, every request in
flight learns why. Beginning another session is left to the supervisor.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NoReturn

from edge.engine.process.frames import Frame, FrameError, clean
from edge.engine.process.process import WorkerDied, WorkerProcess
from edge.engine.process.reply import Reply

ANSWER_S = 5.0

Answerer = Callable[[Frame], Frame]
"""Replies to what a worker asks its parent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits of a worker, in seconds.

    A prompt of 4,096 tokens takes eleven minutes on one slow core, and the worker has nothing to say meanwhile: that
    must not end it, while a process that is stopped should not be waited for so long. Hence two limits.

    Args:
        start: from its start until it is ready.
        ping: silence, with requests open, after which it is asked for a sign of life.
        silence: silence, with requests open, after which it counts as dead.
        work: signs of life alone, with requests open, after which it counts as hung.
        cancel: until a request that was given up has ended.
        idle: without any request until it is ended, to give its memory back; 0 for never.
    """

    start: float = 300.0
    ping: float = 15.0
    silence: float = 60.0
    work: float = 1800.0
    cancel: float = 300.0
    idle: float = 0.0


@dataclass(frozen=True, slots=True)
class Hooks:
    """Services of the parent for a worker: a reply to its asks, and a greeting when it is ready."""

    answer: Answerer | None = None
    greet: Callable[[], Iterable[Frame]] | None = None


class Session:
    """A worker process with its requests. Thread-safe.

    Args:
        process: just started; closed at the end.
        patience: its limits.
        hooks: what the parent does for it.
        ended: called once, before anybody else learns it, with the reason; None when the session was ended on purpose.
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        process: WorkerProcess,
        patience: Patience,
        hooks: Hooks,
        ended: Callable[[Session, WorkerDied | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process, self._patience, self._hooks = process, patience, hooks
        self._ended, self._clock = ended, clock
        self.facts: Frame | None = None
        self.death: WorkerDied | None = None
        self._settled = threading.Event()
        self._lock = threading.Lock()  # over what follows
        self._open: dict[int, Reply] = {}
        self._left: dict[int, float] = {}  # given up, but not ended yet, and since when
        self._count = 0
        self._over = self._on_purpose = False
        self._heard = self._worked = self._used = self._check_at = clock()
        self._pinged = False
        self._asks: SimpleQueue[Frame | None] = SimpleQueue()
        self._asking = threading.Event()
        self._answering: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name=f"worker {process.pid}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_until_settled(self, limit_s: float | None) -> bool:
        """Wait until the worker is ready or dead; False when the time was not enough."""
        return self._settled.wait(limit_s)

    def submit(self, op: str, fields: Frame) -> Reply | None:
        """Send a request; None when the session is over.

        Raises:
            WorkerDied: the worker has read nothing for a long time.
            FrameError: the request is too long.
        """
        with self._lock:
            if self._over:
                return None
            self._count += 1
            reply = Reply(self._count)
            if not self._open:
                self._heard = self._worked = self._clock()
                self._process.wake()  # to look at the limits
            self._open[reply.number] = reply
        try:
            self._process.send({"op": op, "id": reply.number, **fields})
        except (WorkerDied, FrameError):
            with self._lock:
                self._open.pop(reply.number, None)
            raise
        return reply

    def cancel(self, reply: Reply) -> None:
        """Tell the worker that this is not wanted any more; its end is still waited for."""
        if reply.cancelled:
            return
        reply.cancelled = True
        with suppress(WorkerDied):
            self._process.send({"op": "cancel", "id": reply.number})

    def leave(self, reply: Reply) -> None:
        """Give up a request: its further frames are dropped."""
        with self._lock:
            if self._open.pop(reply.number, None) is None:
                return
            self._left[reply.number] = self._used = self._clock()
        self.cancel(reply)

    def end(self) -> None:
        """End the process on purpose. Requests in flight get an error."""
        with self._lock:
            self._over = self._on_purpose = True
        self._process.kill()

    def join(self, limit_s: float) -> None:
        """Wait until all is given back."""
        if self._thread is not threading.current_thread():
            self._thread.join(limit_s)

    def _run(self) -> None:
        death = self._serve()
        with self._lock:
            self._over = True
        self._process.close()
        self._asks.put(None)
        if self._answering:  # it may share memory with the worker: the next one must not meet it
            self._answering.join(ANSWER_S)
        self.death = WorkerDied("the engine was closed") if self._on_purpose else death
        self._ended(self, None if self._on_purpose else death)
        with self._lock:
            waiting = list(self._open.values())
        for reply in waiting:
            reply.end(self.death)
        self._settled.set()

    def _serve(self) -> WorkerDied:
        """Serve until the end, and say what it was."""
        try:
            self._receive_all()
        except WorkerDied as death:
            return death
        except Exception as error:  # a fault of ours; nobody may wait for ever because of it
            return WorkerDied(f"the exchange with its process failed ({type(error).__name__}: {error})")

    def _receive_all(self) -> NoReturn:
        self.facts = self._receive_facts()
        if self._hooks.greet:
            with suppress(Exception):  # it helps, but it is not needed
                for greeting in self._hooks.greet():
                    self._process.send(greeting)
        self._used = self._clock()
        self._settled.set()
        wait: float | None = 0.0
        while True:
            frame = self._process.receive(wait)
            now = self._clock()
            if frame is not None:
                self._heard, self._pinged = now, False
                self._take(frame, now)
            if frame is None or now >= self._check_at:
                wait = self._check(now)
                self._check_at = now + (wait or 0.0)

    def _receive_facts(self) -> Frame:
        deadline = self._clock() + self._patience.start
        while (frame := self._process.receive(max(0.0, deadline - self._clock()))) is None:
            if self._clock() >= deadline:
                raise WorkerDied(f"its process was not ready after {self._patience.start:.0f} s")
        facts = frame.get("ready")
        if not isinstance(facts, dict):
            error = frame.get("error", "its process did not say it is ready")
            raise WorkerDied(clean(error), clean(frame.get("hint", "")))
        return facts

    def _take(self, frame: Frame, now: float) -> None:
        if frame.get("pong") is True:
            return
        self._worked = now
        if "id" in frame:
            self._hand_over(frame, now)
        elif isinstance(frame.get("ask"), dict):
            self._answer(frame["ask"])
        else:
            raise WorkerDied("its process sent a frame without meaning")

    def _hand_over(self, frame: Frame, now: float) -> None:
        number, last = frame["id"], _is_last(frame)
        if type(number) is not int:
            raise WorkerDied("its process answered a request nobody made")
        with self._lock:
            reply = self._open.get(number)
            if reply is None and number not in self._left:
                raise WorkerDied("its process answered a request nobody made")
            if last:
                self._open.pop(number, None)
                self._left.pop(number, None)
                self._used = now
        if reply is not None and not reply.put(frame, self._process.frame_bytes):
            self.leave(reply)
            reply.end(WorkerDied("its answer was not read for too long", "Read the answer while it comes."))

    def _check(self, now: float) -> float | None:
        """Check that the worker keeps its limits; return the seconds until they are to be checked again."""
        limits = self._patience
        with self._lock:
            is_open = bool(self._open)
            left_since = next(iter(self._left.values()), now)
        if now - left_since > limits.cancel:
            raise WorkerDied(f"its process did not stop within {limits.cancel:.0f} s")
        if not is_open:
            return self._rest(now)
        silent = now - self._heard
        if silent > limits.silence:
            raise WorkerDied(f"its process gave no sign of life for {limits.silence:.0f} s")
        if now - self._worked > limits.work:
            raise WorkerDied(f"its process got nowhere for {limits.work:.0f} s")
        if silent > limits.ping and not self._pinged:
            self._pinged = True
            self._process.send({"op": "ping"})
        return min(limits.ping, limits.silence, limits.work, limits.cancel) / 4

    def _rest(self, now: float) -> float | None:
        """Return the seconds until a worker without requests is ended."""
        if not self._patience.idle:
            return self._patience.cancel / 4 if self._left else None
        with self._lock:
            left = self._used + self._patience.idle - now
            if left <= 0 and not self._open:
                self._over = self._on_purpose = True
        if self._on_purpose:
            raise WorkerDied("it was not used")
        return max(left, 0.01)

    def _answer(self, ask: Frame) -> None:
        """Let the parent reply, in a thread of its own: the disk may be slow, and tokens must go on."""
        if self._asking.is_set():
            raise WorkerDied("its process asked twice at once")
        self._asking.set()
        if self._answering is None:
            self._answering = threading.Thread(target=self._answer_all, name="answers", daemon=True)
            self._answering.start()
        self._asks.put(ask)

    def _answer_all(self) -> None:
        while (ask := self._asks.get()) is not None:
            reply: Frame = {}
            with suppress(Exception):  # the worker waits, and does without
                reply = self._hooks.answer(ask) if self._hooks.answer else {}
            self._asking.clear()
            with suppress(WorkerDied, FrameError):
                self._process.send({**reply, "op": "answer"})


def _is_last(frame: Frame) -> bool:
    """Return whether a reply ends its request.

    Raises:
        WorkerDied: it is no reply at all.
    """
    kinds: dict[str, type[Any]] = {"token": str, "done": dict, "error": str}
    found = [kind for kind in kinds if kind in frame]
    if len(found) != 1 or not isinstance(frame[found[0]], kinds[found[0]]):
        raise WorkerDied("its process sent a reply without meaning")
    return found[0] != "token"
