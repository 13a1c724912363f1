"""Many ask one engine while its worker is killed again and again."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from contextlib import suppress
from random import Random

from edge.engine.llama import LlamaEngine
from edge.errors import EngineError
from tests.engine.conftest import make_prompt

TOKENS = 27
WANTED = "123456789" * (TOKENS // 9)


def ask_under_fire(engine: LlamaEngine, askers: int, kills: int, seed: int = 1) -> Counter[str]:
    """Count how the requests ended: ``answer``, or the message of the error. All of them end.

    Args:
        engine: of a model that counts from 1 to 9 without end.
        askers: threads that ask without a pause until the last kill, and then once more.
        kills: how often the worker gets SIGKILL, each time after some more answers, at any moment.
    """
    random, ends, over = Random(seed), Counter[str](), threading.Event()
    answered = threading.Semaphore(0)

    def ask() -> None:
        while not over.is_set():
            end = _end(engine)
            ends[end] += 1
            if end == "answer":
                answered.release()

    threads = [threading.Thread(target=ask) for _ in range(askers)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            for _ in range(random.randrange(1, askers)):
                assert answered.acquire(timeout=60), f"nobody is answered any more: {ends}"
            over.wait(random.uniform(0, 0.02))  # to hit it while it computes, too
            kill(engine)
            while answered.acquire(
                blocking=False
            ):  # the next kill waits for answers that come after this one
                pass
        assert answered.acquire(timeout=60)
    finally:
        over.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a request without end"
    return ends


def kill(engine: LlamaEngine) -> None:
    """End the worker without a warning, unless it has just ended."""
    with suppress(ProcessLookupError):
        if pid := engine.pid:
            os.kill(pid, signal.SIGKILL)


def _end(engine: LlamaEngine) -> str:
    try:
        text = "".join(engine.stream(make_prompt(max_tokens=TOKENS)))
    except EngineError as error:
        return error.message
    return "answer" if text == WANTED else f"half an answer: {text}"
