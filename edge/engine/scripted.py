"""The fakes: an engine that says what it was told to, and an embedder without a model. For tests of other stages."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import numpy as np

from edge.engine.interface import Vectors, never
from edge.errors import EngineError
from edge.packs.format import DIMENSIONS
from edge.types import Prompt

_WORD = re.compile(r"\w+")
MAX_TOKENS = 256


class ScriptedEngine:
    """Yields given pieces.

    Args:
        pieces: what it answers, or a function of the prompt that says it.
        failure: raised after the pieces.
        steps: one permission for every piece: the engine waits for each event before it goes on.
        context_words: words a prompt may have.
    """

    name = "scripted"

    def __init__(
        self,
        pieces: Sequence[str] | Callable[[Prompt], Sequence[str]] = (),
        failure: EngineError | None = None,
        steps: Sequence[Event] = (),
        context_words: int = 4096,
    ) -> None:
        self._pieces, self._failure, self._steps = pieces, failure, steps
        self._context_words = context_words
        self.prompts: list[Prompt] = []
        self.closed = False

    def fits(self, prompt: Prompt) -> bool:
        """Whether the prompt's words and the answer's tokens fit."""
        words = sum(len(message.content.split()) for message in prompt.messages)
        return words + prompt.max_tokens <= self._context_words

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        """Yield the pieces, as many as the prompt allows, then fail if told to.

        Raises:
            EngineError: the failure given; closed; or the prompt does not fit.
        """
        if self.closed:
            raise EngineError("The engine is closed.", "Start edge again.")
        if not self.fits(prompt):
            raise EngineError("The prompt does not fit.", "Ask shorter, or with fewer passages.")
        self.prompts.append(prompt)
        pieces = self._pieces(prompt) if callable(self._pieces) else self._pieces
        for number, piece in enumerate(pieces[: prompt.max_tokens]):
            if number < len(self._steps):
                self._steps[number].wait()
            if cancelled():
                return
            yield piece
        if self._failure:
            raise self._failure

    def close(self) -> None:
        """Nothing to give back."""
        self.closed = True


class ScriptedEmbedder:
    """Hashed bags of words: texts that share words are close, and nothing else is known about them."""

    fingerprint = "scripted:0000000000000000"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape ``(len(texts), 384)``."""
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in [
                "",
                *_words(text)[:MAX_TOKENS],
            ]:  # the empty word gives a text without words a direction
                row[zlib.crc32(word.encode("utf-8", "replace")) % DIMENSIONS] += 1.0 if word else 0.01
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words of each text."""
        return [len(_words(text)) for text in texts]

    def close(self) -> None:
        """Nothing to give back."""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
