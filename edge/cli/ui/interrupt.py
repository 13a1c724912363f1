"""Decides what Ctrl-C does: an exception while a command works, otherwise the program ends at once.

During an import, and while Python itself starts or ends, an exception may turn into another one, into a traceback or
into nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


def leave_at_once() -> None:
    """Let Ctrl-C end the program from here on, unless its parent process had SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def raise_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C raise ``KeyboardInterrupt`` inside the block, where it would otherwise end the program."""
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    signal.signal(signal.SIGINT, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def defer_interrupt() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C only ask for an end, and give a function that tells if it was pressed; pressed again, it raises."""
    pressed = False

    def stop(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _raise(number: int, frame: FrameType | None) -> None:
    interrupted = frame
    while interrupted is not None:
        if interrupted.f_code.co_filename.startswith("<frozen importlib"):
            _leave(number, frame)
        interrupted = interrupted.f_back
    raise KeyboardInterrupt
