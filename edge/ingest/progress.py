"""Signs of life from long work: a reader that takes minutes for a scan says that it goes on, page by page."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    """Call a function at every step of this process's work from now on."""
    _listeners.append(listener)


def report_progress() -> None:
    """Tell the listeners that a step is done."""
    for listener in _listeners:
        listener()
