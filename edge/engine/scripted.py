"""The fakes: an engine and a reranker that say what they were told to, an embedder without a model. For tests of other
stages, and for connecting a program to edge before there is a language model.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any, Literal

import numpy as np

from edge.engine.interface import (
    GREEDY,
    ChatRequest,
    Finished,
    Likelihood,
    RefusedError,
    Sampling,
    Vectors,
    Written,
)
from edge.engine.totals import Totals
from edge.errors import EngineError
from edge.text.sentences import split_sentences
from edge.types import DIMENSIONS, Prompt, never

_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"\s*\S+")
MAX_TOKENS = 256

_SIMPLE = {"string": "", "integer": 0, "number": 0, "boolean": False, "null": None, "array": []}

Reason = Literal["end", "stop", "length"]
Script = Sequence[str] | Callable[[Prompt], Sequence[str]]


class ScriptedEngine:
    """Yields given pieces, each as one token.

    Args:
        pieces: what it answers, or a function of the prompt that says it.
        failure: raised after the pieces.
        steps: one permission for every piece: the engine waits for each event before it goes on.
        context_words: words a prompt may have.
    """

    name = "scripted"

    def __init__(
        self,
        pieces: Script = (),
        failure: EngineError | None = None,
        steps: Sequence[Event] = (),
        context_words: int = 4096,
    ) -> None:
        self._pieces, self._failure, self._steps = pieces, failure, steps
        self._context_words = context_words
        self.prompts: list[Prompt] = []
        self.closed = False
        self.totals = Totals()

    def fits(self, prompt: Prompt) -> bool:
        """Return whether the prompt's words and the answer's tokens fit."""
        return _count_words(prompt) + prompt.max_tokens <= self._context_words

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        """Yield the pieces, as many as the prompt allows, then fail if told to.

        Raises:
            EngineError: the failure given; closed; or the prompt does not fit.
        """
        for event in self._write(prompt, GREEDY, cancelled):
            if isinstance(event, Written):
                yield event.text

    def chat(
        self, request: ChatRequest, cancelled: Callable[[], bool] = never
    ) -> Iterator[Written | Finished]:
        """See ``ChatEngine``. With a schema the smallest value that obeys it takes the place of the pieces.

        Raises:
            EngineError: as ``stream``.
        """
        prompt = Prompt(request.messages[-1].content, (), request.messages, request.max_tokens)
        return self._write(prompt, request.sampling, cancelled)

    def close(self) -> None:
        """Refuse further prompts; there is nothing to give back."""
        self.closed = True

    def _write(
        self, prompt: Prompt, sampling: Sampling, cancelled: Callable[[], bool]
    ) -> Iterator[Written | Finished]:
        self._admit(prompt)
        pieces, reason = self._limit(prompt, sampling)
        said = 0
        for number, piece in enumerate(pieces):
            if number < len(self._steps):
                self._steps[number].wait()
            if cancelled():
                break
            said += 1
            yield Written(piece, _make_likelihoods(piece, sampling.logprobs))
        if self._failure:
            raise self._failure
        finished = Finished("cancel" if cancelled() else reason, _count_words(prompt), 0, said, said)
        yield self.totals.add(finished)

    def _admit(self, prompt: Prompt) -> None:
        if self.closed:
            raise EngineError("The engine is closed.", "Start edge again.")
        if not self.fits(prompt):
            raise RefusedError("The prompt does not fit.", "Ask shorter, or with fewer passages.")
        self.prompts.append(prompt)

    def _limit(self, prompt: Prompt, sampling: Sampling) -> tuple[list[str], Reason]:
        """Return the pieces up to the first limit, and which one that was."""
        if sampling.schema is not None:
            return [json.dumps(make_smallest(json.loads(sampling.schema)))], "end"
        pieces = list(self._pieces(prompt) if callable(self._pieces) else self._pieces)
        allowed = pieces[: prompt.max_tokens]
        if (kept := _cut_at(allowed, sampling.stop)) != allowed:
            return kept, "stop"
        return allowed, "end" if allowed == pieces else "length"


def quote_opening(prompt: Prompt) -> Sequence[str]:
    """Quote the first sentence of the first passage, cited; without passages, what was said last. A script."""
    if not prompt.passages:
        return _PIECE.findall(prompt.question)
    (first, *_) = split_sentences(prompt.passages[0].text.strip()) or [""]
    return _PIECE.findall(f"{first} [1]")


def make_smallest(schema: Any) -> Any:
    """Make a small value that obeys a JSON schema of the common kind: types, enumerations, constants, properties."""
    if not isinstance(schema, dict):
        return {}
    if "const" in schema:
        return schema["const"]
    if isinstance(choices := schema.get("enum"), list) and choices:
        return choices[0]
    kind, properties, required = (schema.get(name) for name in ("type", "properties", "required"))
    if isinstance(kind, str) and kind in _SIMPLE:
        return _SIMPLE[kind]
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {name: make_smallest(properties.get(name)) for name in required if isinstance(name, str)}


def _count_words(prompt: Prompt) -> int:
    return sum(len(message.content.split()) for message in prompt.messages)


def _cut_at(pieces: Sequence[str], stop: Sequence[str]) -> list[str]:
    """Return the pieces up to the first of the texts that stop."""
    text = "".join(pieces)
    left = min((place for one in stop if (place := text.find(one)) >= 0), default=len(text))
    kept: list[str] = []
    for piece in pieces:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept


def _make_likelihoods(
    piece: str, alternatives: int | None
) -> tuple[tuple[Likelihood, tuple[Likelihood, ...]], ...]:
    if alternatives is None:
        return ()
    sure = Likelihood(piece, 0.0)
    return ((sure, (sure,) if alternatives else ()),)


class ScriptedEmbedder:
    """Hashed bags of words: texts that share words are close, and nothing else is known about them."""

    fingerprint = "scripted:0000000000000000"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape ``(len(texts), 384)``."""
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in [
                "",
                *_split_words(text)[:MAX_TOKENS],
            ]:  # the empty word gives a text without words a direction
                row[zlib.crc32(word.encode("utf-8", "replace")) % DIMENSIONS] += 1.0 if word else 0.01
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the words of each text."""
        return [len(_split_words(text)) for text in texts]

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""


class ScriptedReranker:
    """Gives every text the score that it was told to.

    Args:
        score: of a text.
        reads: texts it gets done in a limited time.
        failure: raised instead.
    """

    name = "scripted"

    def __init__(
        self, score: Callable[[str], float], reads: int = 100, failure: EngineError | None = None
    ) -> None:
        self.script, self.reads, self.failure = score, reads, failure
        self.asked: list[tuple[str, Sequence[str], float | None]] = []

    def score(self, question: str, texts: Sequence[str], limit_s: float | None = None) -> list[float]:
        """Return what was scripted; each request is kept in ``asked``."""
        self.asked.append((question, texts, limit_s))
        if self.failure:
            raise self.failure
        return [float(self.script(text)) for text in texts[: None if limit_s is None else self.reads]]

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""


def _split_words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
