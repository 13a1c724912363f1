"""Texts through a model that pools each into one vector, in a worker process: shared by embedding and ranking.

Every text is computed alone, on one thread, so that its vector depends on nothing but the text: a pack built after an
interruption has the same bytes. That costs little (72 against 79 texts of 22 tokens a second, nothing at 200 tokens).
Several threads compute several texts instead of sharing one, since threads that wait for each other spin.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from queue import PriorityQueue
from typing import Any, TypeVar

from edge.engine.worker.binding import L, LoadError, Model, make_context

Item = TypeVar("Item")
Result = TypeVar("Result")

Job = tuple[int, int, Callable[["PoolingContext"], None]]
"""An item's place among its caller's, its place among all, and what computes it."""

ABORTED = 2  # llama.h: what llama_encode and llama_decode return then


class ContextPool:
    """Threads that compute texts, each with a context of its own, made at its first text. Safe to use from several
    threads.

    Every text waits in one queue. The first texts of all callers come before the second ones: a question waits for one
    text of a pack and not for the pack, and everybody's best passages come before anybody's sixteenth.

    Args:
        make: makes a context; at once for the first, so that a model that is not for this is found out.
        count: texts computed at a time, over all callers.
    """

    def __init__(self, make: Callable[[], PoolingContext], count: int) -> None:
        self._make = make
        self._jobs: PriorityQueue[Job] = PriorityQueue()
        self._numbers = itertools.count()
        self.first = make()
        for context in [self.first, *[None] * (count - 1)]:
            threading.Thread(target=self._work, args=[context], name="pool", daemon=True).start()

    def map(self, work: Callable[[PoolingContext, Item], Result], items: Sequence[Item]) -> list[Result]:
        """Run ``work(context, item)`` for every item, as many at a time as there are contexts."""
        results: list[Future[Result]] = [Future() for _ in items]
        for n, (item, result) in enumerate(zip(items, results, strict=True)):
            self._jobs.put((n, next(self._numbers), partial(_settle, result, work, item)))
        return [result.result() for result in results]

    def _work(self, context: PoolingContext | None) -> None:
        while True:
            job = self._jobs.get()
            if context is None:
                try:
                    context = self._make()
                except (LoadError, MemoryError):  # no memory for another: those that are there do the work
                    self._jobs.put(job)
                    return
            *_, run = job
            run(context)


def _settle(
    result: Future[Result],
    work: Callable[[PoolingContext, Item], Result],
    item: Item,
    context: PoolingContext,
) -> None:
    try:
        result.set_result(work(context, item))
    except Exception as error:
        result.set_exception(error)


class PoolingContext:
    """One context and its batch; used by one thread at a time.

    Args:
        model: one that pools.
        tokens: the most that a text may have.
        width: numbers that come out.
        parameters: further fields of ``llama_context_params``.

    Raises:
        LoadError: not enough memory, or not a model for this.
    """

    def __init__(self, model: Model, tokens: int, width: int, **parameters: Any) -> None:
        self._bytes = width * ctypes.sizeof(ctypes.c_float)
        self.handle = make_context(
            model,
            n_ctx=tokens, n_batch=tokens, n_ubatch=tokens, n_seq_max=1, n_threads=1, n_threads_batch=1,
            embeddings=True, **parameters,
        )  # fmt: skip
        self.memory = L.llama_get_memory(self.handle)
        self._batch: Any = L.llama_batch_init(tokens, 0, 1)
        self._deadline: float | None = None
        # Kept alive: llama.cpp calls it between the nodes of a graph, so that a text can be given up half way.
        self._abort = L.ggml_abort_callback(lambda _data: self._is_late())

    def allow_abort(self) -> None:
        """Let deadlines be seen while a text is computed."""
        L.llama_set_abort_callback(self.handle, self._abort, None)

    def compute(self, tokens: Sequence[int], deadline: float | None = None) -> bytes | None:
        """Compute the vector of a text, as float32; None when ``time.monotonic()`` passed the deadline meanwhile."""
        self._deadline = deadline
        if self._is_late():
            return None
        self._fill(tokens)
        if self.memory:
            L.llama_memory_clear(self.memory, False)
            status = L.llama_decode(self.handle, self._batch)
        else:
            status = L.llama_encode(self.handle, self._batch)
        if status == ABORTED:
            return None
        vector = L.llama_get_embeddings_seq(self.handle, 0) if status == 0 else None
        if not vector:
            raise RuntimeError(f"llama.cpp could not encode {len(tokens)} tokens (status {status})")
        return ctypes.string_at(vector, self._bytes)

    def _fill(self, tokens: Sequence[int]) -> None:
        batch = self._batch
        for position, token in enumerate(tokens):
            batch.token[position] = token
            batch.pos[position] = position
            batch.n_seq_id[position] = 1
            batch.seq_id[position][0] = 0
            batch.logits[position] = 1
        batch.n_tokens = len(tokens)

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline
