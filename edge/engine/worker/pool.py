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
from contextlib import suppress
from functools import partial
from queue import Empty, PriorityQueue, SimpleQueue
from typing import Any, TypeVar

from edge.engine.worker.binding import L, LoadError, Model, make_context

Item = TypeVar("Item")
Result = TypeVar("Result")

ABORTED = 2  # llama.h: what llama_encode and llama_decode return then


class ContextPool:
    """Contexts of one model, each made when it is first needed. Safe to use from several threads.

    Where many wait, the first items of all of them come before the second ones: a question goes before the rest of a
    pack, and everybody's best passages before anybody's sixteenth.

    Args:
        make: makes a context; at once for the first, so that a model that is not for this is found out.
        count: texts computed at a time, over all callers.
    """

    def __init__(self, make: Callable[[], PoolingContext], count: int) -> None:
        self._make, self._count = make, count
        self._free: SimpleQueue[PoolingContext] = SimpleQueue()
        self._lock = threading.Lock()
        self._made = 1
        self.first = make()
        self._free.put(self.first)
        self._jobs: PriorityQueue[tuple[int, int, Callable[[], None]]] = PriorityQueue()
        self._numbers = itertools.count()
        for _ in range(count):
            threading.Thread(target=self._work, name="pool", daemon=True).start()

    def map(self, work: Callable[[PoolingContext, Item], Result], items: Sequence[Item]) -> list[Result]:
        """Run ``work(context, item)`` for every item, as many at a time as there are contexts."""
        if len(items) == 1:
            return [self._run_one(work, items[0])]
        results: list[Future[Result]] = [Future() for _ in items]
        for n, (item, result) in enumerate(zip(items, results, strict=True)):
            self._jobs.put((n, next(self._numbers), partial(self._settle, result, work, item)))
        return [result.result() for result in results]

    def _work(self) -> None:
        while True:
            *_, job = self._jobs.get()
            job()

    def _settle(
        self, result: Future[Result], work: Callable[[PoolingContext, Item], Result], item: Item
    ) -> None:
        try:
            result.set_result(self._run_one(work, item))
        except Exception as error:
            result.set_exception(error)

    def _run_one(self, work: Callable[[PoolingContext, Item], Result], item: Item) -> Result:
        context = self._take()
        try:
            return work(context, item)
        finally:
            self._free.put(context)

    def _take(self) -> PoolingContext:
        with suppress(Empty):
            return self._free.get_nowait()
        with self._lock:
            grows = self._made < self._count
            self._made += grows
        if grows:
            with suppress(LoadError):  # no memory for another: those that are there do the work
                return self._make()
        return self._free.get()


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
