"""Where the time of a call goes: functions are timed by name while they are watched."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch


class Stopwatch:
    """Milliseconds by part, one entry for each lap."""

    def __init__(self, **parts: tuple[object, str]) -> None:
        self._parts = parts
        self._now: dict[str, float] = defaultdict(float)
        self.laps: dict[str, list[float]] = {name: [] for name in parts}

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Time the parts, each the attribute of an object, until the end of the block."""
        with ExitStack() as stack:
            for name, (owner, attribute) in self._parts.items():
                timed = self._wrap(name, getattr(owner, attribute))
                stack.enter_context(patch.object(owner, attribute, timed))
            yield

    def lap(self) -> None:
        """End a lap: what was spent since the last one becomes its entry."""
        for name, laps in self.laps.items():
            laps.append(self._now.pop(name, 0.0))

    def _wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._now[name] += (time.perf_counter() - start) * 1000

        return call
