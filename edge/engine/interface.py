"""What an engine and an embedder must do. One conformance suite runs on every implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.types import Prompt

Vectors = NDArray[np.float32]


def never() -> bool:
    """The ``cancelled`` of a request nobody can cancel."""
    return False


class Engine(Protocol):
    """Writes an answer over passages, citing them as ``[n]``."""

    @property
    def name(self) -> str:
        """The name shown with the answer, for instance ``llama:qwen2.5-7b-q4_k_m``."""
        ...

    def fits(self, prompt: Prompt) -> bool:
        """Whether the prompt and its answer fit the engine's context."""
        ...

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        """Yield the answer in pieces; stop soon after ``cancelled()`` becomes true.

        Raises:
            EngineError: the engine failed; what was yielded so far must not be shown as an answer.
        """
        ...

    def close(self) -> None:
        """Give back processes and memory. Closing twice is allowed."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def fingerprint(self) -> str:
        """Name and digest of the embedding model: vectors of two fingerprints cannot be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, one row a text, shape ``(len(texts), 384)``. Long texts are cut at 256 tokens.

        Raises:
            EngineError: the embedder failed.
        """
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the two special ones at its ends."""
        ...

    def close(self) -> None:
        """Give back processes and memory. Closing twice is allowed."""
        ...
