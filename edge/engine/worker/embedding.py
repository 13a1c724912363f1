"""Mean-pooled sentence embeddings in a worker process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from edge.engine.worker.binding import L, LoadError, Model
from edge.engine.worker.pool import ContextPool, PoolingContext

MAX_TOKENS = 256
"""The model's sequence length; what is beyond is cut."""

MAX_CHARACTERS = 32 * MAX_TOKENS
"""Nothing past this is tokenized: a megabyte of text is not worth a second of work for its first 256 tokens."""


class Embedding:
    """A model that turns texts into vectors, ``threads`` at a time. Safe to use from several threads."""

    def __init__(self, model: Model, threads: int) -> None:
        self._model = model
        self.dimensions = int(L.llama_model_n_embd(model.handle))
        mean = L.LLAMA_POOLING_TYPE_MEAN
        make = partial(PoolingContext, model, MAX_TOKENS, self.dimensions, pooling_type=mean)
        self._pool = ContextPool(make, threads)
        if self._pool.first.memory:
            raise LoadError("it is a language model, not an embedder")

    def embed(self, texts: Sequence[str]) -> bytes:
        """Return vectors as little-endian float32, one after the other, not yet of unit length."""
        return b"".join(self._pool.map(self._embed_one, texts))

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text without the special ones at its ends."""
        return [len(self._model.tokenize(text, ends=False, control=False)) for text in texts]

    def _embed_one(self, context: PoolingContext, text: str) -> bytes:
        tokens = self._model.tokenize(text[:MAX_CHARACTERS], ends=True, control=False)
        if len(tokens) > MAX_TOKENS:
            tokens = [*tokens[: MAX_TOKENS - 1], tokens[-1]]
        return context.compute(tokens) or b""
