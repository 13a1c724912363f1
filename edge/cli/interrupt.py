"""Ctrl-C: an exception while a command works, and otherwise the end of the program, there and then.

Out of an import, or of Python's own start and end, an exception may come as another one, as a traceback or not at all.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


def leave_at_once() -> None:
    """Let Ctrl-C end the program from here on, unless whoever started it asked for it to be ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def raising() -> Iterator[None]:
    """Ctrl-C raises ``KeyboardInterrupt`` within, where it would otherwise end the program."""
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    signal.signal(signal.SIGINT, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _raise(number: int, frame: FrameType | None) -> None:
    interrupted = frame
    while interrupted is not None:
        if interrupted.f_code.co_filename.startswith("<frozen importlib"):
            _leave(number, frame)
        interrupted = interrupted.f_back
    raise KeyboardInterrupt
