"""The interfaces of engines, embedders and rerankers. One conformance suite runs on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge.errors import EngineError
from edge.types import Message, Prompt, never

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sampling:
    """The choice of the next token. By default it is always the likeliest one.

    Args:
        temperature: 0 takes the likeliest token, 1 what the model thinks; the filters below apply above 0.
        top_k: so many of the likeliest tokens only; 0 for all.
        top_p: the likeliest tokens with so much probability together.
        min_p: tokens with so much of the likeliest one's probability.
        seed: the same seed gives the same text; None takes one by chance.
        presence_penalty, frequency_penalty: against words that were used already (-2 to 2).
        stop: texts that end the answer and are not part of it.
        schema: a JSON schema that the answer must obey; ``{}`` for any JSON object.
        logprobs: how many alternatives to report with each token; None reports nothing.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    schema: str | None = None
    logprobs: int | None = None


GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Messages for a language model, and how it shall answer."""

    messages: tuple[Message, ...]
    max_tokens: int
    sampling: Sampling = GREEDY


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A token as text and the natural logarithm of its probability."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of an answer, of whole characters; its tokens with their alternatives where they were asked for."""

    text: str
    tokens: tuple[tuple[Likelihood, tuple[Likelihood, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer and what it cost.

    ``reused_tokens`` of the prompt were still there, from memory or disk; ``steps`` is how often the model was run
    for the answer's ``tokens``, fewer than these where it was guessed ahead.
    """

    reason: Literal["end", "stop", "length", "cancel"]
    prompt_tokens: int
    reused_tokens: int
    tokens: int
    steps: int


class RefusedError(EngineError):
    """The engine works, and cannot answer this request: too long, or a schema that cannot be followed."""

    title = "Engine refused"


class Engine(Protocol):
    """Writes an answer over passages, citing them as ``[n]``."""

    @property
    def name(self) -> str:
        """The name shown with the answer, for instance ``llama:qwen2.5-7b-q4_k_m``."""
        ...

    def fits(self, prompt: Prompt) -> bool:
        """Return whether the prompt and its answer fit the engine's context."""
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


@runtime_checkable
class ChatEngine(Engine, Protocol):
    """An engine that also takes bare messages, as the OpenAI-compatible endpoints need it."""

    def chat(
        self, request: ChatRequest, cancelled: Callable[[], bool] = never
    ) -> Iterator[Written | Finished]:
        """Yield the answer in pieces, ``Finished`` last.

        Raises:
            BusyError: too many requests wait already.
            RefusedError: the prompt does not fit, or the schema cannot be followed.
            EngineError: the engine failed.
        """
        ...


@runtime_checkable
class PrefillEngine(Protocol):
    """An engine that can compute a prompt ahead of its question."""

    @property
    def pid(self) -> int | None:
        """The process that would lose what was computed by ending; None while there is none."""
        ...

    def prefill(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Finished | None:
        """Compute a prompt, letting all else go first; what it cost, None when it was cancelled.

        Raises:
            EngineError: the engine failed.
        """
        ...


@runtime_checkable
class CheckedEngine(Protocol):
    """An engine whose files are checked before their first use, which can take seconds."""

    def limit_check(self, limit_s: float) -> None:
        """Refuse requests after so many seconds while the check lasts; by default they wait for its end."""
        ...


class Reranker(Protocol):
    """Says how well passages answer a question, reading both together."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def score(self, question: str, texts: Sequence[str], limit_s: float | None = None) -> list[float]:
        """Return one score a text, higher is better, comparable within one call only.

        After ``limit_s`` seconds, those of the first texts that were done by then: maybe none.

        Raises:
            EngineError: the reranker failed.
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
        """Return unit vectors, one row a text, shape ``(len(texts), 384)``. Long texts are cut at 256 tokens.

        Raises:
            EngineError: the embedder failed.
        """
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the two special ones at its ends."""
        ...

    def close(self) -> None:
        """Give back processes and memory. Closing twice is allowed."""
        ...
