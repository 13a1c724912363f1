"""Mean-pooled sentence embeddings in a worker process.

Every text is encoded alone, on one thread, so that its vector depends on nothing but the text: a pack built after an
interruption has the same bytes. That costs little (72 against 79 texts of 22 tokens a second, nothing at 200 tokens).
Several threads encode several texts instead of sharing one, since threads that wait for each other spin.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from edge.engine.worker.binding import L, LoadError, Model, new_context

MAX_TOKENS = 256
"""The model's sequence length; what is beyond is cut."""

MAX_CHARACTERS = 32 * MAX_TOKENS
"""Nothing past this is tokenized: a megabyte of text is not worth a second of work for its first 256 tokens."""


class Embedding:
    """A model with one context for every thread."""

    def __init__(self, model: Model, threads: int) -> None:
        self._model = model
        self.dimensions = int(L.llama_model_n_embd(model.handle))
        self._lanes: SimpleQueue[_Lane] = SimpleQueue()
        for _ in range(threads):
            self._lanes.put(_Lane(model, self.dimensions))
        self._threads = ThreadPoolExecutor(threads)

    def embed(self, texts: Sequence[str]) -> bytes:
        """Vectors as little-endian float32, one after the other, not yet of unit length."""
        return b"".join(self._threads.map(self._embed_one, texts))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text without the special ones at its ends."""
        return [len(self._model.tokenize(text, ends=False, control=False)) for text in texts]

    def _embed_one(self, text: str) -> bytes:
        tokens = self._model.tokenize(text[:MAX_CHARACTERS], ends=True, control=False)
        if len(tokens) > MAX_TOKENS:
            tokens = [*tokens[: MAX_TOKENS - 1], tokens[-1]]
        lane = self._lanes.get()
        try:
            return lane.encode(tokens)
        finally:
            self._lanes.put(lane)


class _Lane:
    """One context and its batch; used by one thread at a time."""

    def __init__(self, model: Model, dimensions: int) -> None:
        self._bytes = dimensions * ctypes.sizeof(ctypes.c_float)
        self._context = new_context(
            model,
            n_ctx=MAX_TOKENS, n_batch=MAX_TOKENS, n_ubatch=MAX_TOKENS, n_seq_max=1, n_threads=1, n_threads_batch=1,
            embeddings=True, pooling_type=L.LLAMA_POOLING_TYPE_MEAN,
        )  # fmt: skip
        if L.llama_get_memory(self._context):
            raise LoadError("it is a language model, not an embedder")
        self._batch: Any = L.llama_batch_init(MAX_TOKENS, 0, 1)

    def encode(self, tokens: Sequence[int]) -> bytes:
        batch = self._batch
        for position, token in enumerate(tokens):
            batch.token[position] = token
            batch.pos[position] = position
            batch.n_seq_id[position] = 1
            batch.seq_id[position][0] = 0
            batch.logits[position] = 1
        batch.n_tokens = len(tokens)
        status = L.llama_encode(self._context, batch)
        vector = L.llama_get_embeddings_seq(self._context, 0) if status == 0 else None
        if not vector:
            raise RuntimeError(f"llama.cpp could not encode {len(tokens)} tokens (status {status})")
        return ctypes.string_at(vector, self._bytes)
