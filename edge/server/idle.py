"""Work for idle times: the beginnings of the prompts most likely to come are computed ahead.

The engine lets every question go first; what is computed stays in its memory and in the cache on disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from edge.engine.interface import PrefillEngine
from edge.errors import EdgeError, EngineError
from edge.server.power import is_on_battery
from edge.types import Message, Prompt

QUIET_S = 5.0
"""Seconds without a request before it begins."""

POLL_S = 1.0


class IdlePrefill:
    """A thread that prefills while nobody asks.

    Args:
        engine: returns the engine that answers, None when it cannot prefill; called each time.
        likely: returns the prompts, the likeliest first; called each time.
        busy: returns True while a request is being answered.
        saving: returns True while power is to be saved.
    """

    def __init__(
        self,
        engine: Callable[[], PrefillEngine | None],
        likely: Callable[[], Sequence[Prompt]],
        busy: Callable[[], bool],
        saving: Callable[[], bool] = is_on_battery,
    ) -> None:
        self._engine, self._likely, self._busy, self._saving = engine, likely, busy, saving
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._worker_pid: int | None = None
        self._done: set[tuple[Message, ...]] = set()

    def start(self, quiet_s: float = QUIET_S, poll_s: float = POLL_S) -> None:
        """Begin to watch."""
        self._thread = threading.Thread(
            target=self._watch, args=(quiet_s, poll_s), name="idle prefill", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End what is being computed, and the thread. Stopping twice is allowed."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def prefill_likely(self) -> int:
        """Prefill what is likely and was not prefilled since the engine's worker started; return the number of prompts.

        The first time this may start the worker. One that ended later, for lack of use, is left in peace.

        Raises:
            EdgeError: the engine failed.
        """
        engine = self._engine()
        if engine is None or (self._done and engine.pid is None):
            return 0
        if engine.pid != self._worker_pid:
            self._done.clear()
        count = 0
        for prompt in self._likely():
            if prompt.messages in self._done:
                continue
            try:
                finished = engine.prefill(prompt, self._should_stop)
            except EngineError:
                self._done.add(prompt.messages)  # once is enough
                raise
            finally:
                self._worker_pid = engine.pid
            if finished is None or finished.reason == "cancel":
                break
            self._done.add(prompt.messages)
            count += 1
        return count

    def _should_stop(self) -> bool:
        return self._stopped.is_set() or self._busy() or self._saving()

    def _watch(self, quiet_s: float, poll_s: float) -> None:
        quiet_since = time.monotonic()
        while not self._stopped.wait(poll_s):
            if self._busy():
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= quiet_s and not self._saving():
                with suppress(EdgeError):  # whoever asks next is told
                    self.prefill_likely()
                quiet_since = time.monotonic()
