"""The language model engine: llama.cpp in a worker process that streams the answers back, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

from edge.config import Settings
from edge.embedded.findings import open_findings
from edge.engine.interface import ChatRequest, Finished, Likelihood, Written
from edge.engine.prefill.cache import PrefillCache, open_cache
from edge.engine.prepare import prepare_at_least
from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import make_command
from edge.engine.process.session import Patience
from edge.engine.process.supervisor import PATIENCE, Worker
from edge.engine.totals import Totals
from edge.errors import EngineError
from edge.models.integrity import Guard
from edge.types import Message, Prompt, never

REASONS = get_args(get_type_hints(Finished)["reason"])


class LlamaEngine:
    """Answers with a GGUF; the worker starts with the first prompt, or with `start`. Thread-safe.

    Args:
        options: which model, and how to run it.
        patience: limits of the worker, among them when it is ended for lack of work.
        cache: computed beginnings of prompts that outlive the worker; closed with the engine.
        guard: checks the model's files at every load.
    """

    def __init__(
        self,
        options: WorkerOptions,
        patience: Patience = PATIENCE,
        *,
        cache: PrefillCache | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.options = options
        self._model = options.model
        self.totals = Totals()
        self._cache, self._guard = cache, guard
        exchange = cache.exchange if cache else None
        self._worker = Worker(
            options.model,
            partial(make_command, replace(options, exchange=exchange)),  # a part may have moved meanwhile
            patience=patience,
            answer=cache.answer if cache else None,
            greet=cache.greet if cache else None,
            inherit=() if exchange is None else (exchange,),
            guard=guard,
        )

    @classmethod
    def from_settings(cls, settings: Settings, model: Path) -> LlamaEngine:
        """Make an engine with the limits of the settings, run as memory and devices allow; its files are checked.

        One that is damaged or does not fit says so when it is used.

        Raises:
            UsageError: a setting makes no sense.
        """
        options, admit = prepare_at_least(settings, model)
        paths = (model, *(path for path, _ in options.loras))
        known = open_findings(settings.home)
        cache = open_cache(settings.prefill_dir, settings.prefill_cache_mb, options, paths, known)
        guard = Guard(paths, admit, known)
        return cls(options, Patience(idle=60.0 * settings.idle_unload_minutes), cache=cache, guard=guard)

    @property
    def name(self) -> str:
        """``llama:`` and the name of the file."""
        return f"llama:{self._model.stem}"

    @property
    def pid(self) -> int | None:
        """The worker's process id while one runs."""
        return self._worker.pid

    def start(self) -> None:
        """Begin to load the model and return at once."""
        self._worker.start()

    def limit_check(self, limit_s: float) -> None:
        """Refuse requests after so many seconds while a file is hashed for the first time; by default they wait."""
        if self._guard:
            self._guard.limit_s = limit_s

    def read_facts(self) -> Frame:
        """Return the worker's facts on model and machine: name, context, threads, template, system, gpu, sandbox.

        Raises:
            EngineError: the worker does not start.
        """
        return self._worker.read_facts()

    def fits(self, prompt: Prompt) -> bool:
        """Return whether the prompt is short enough and fits the context with its answer, in the model's own tokens.

        Raises:
            EngineError: the worker failed.
        """
        done = self._worker.ask("count", messages=_encode_messages(prompt.messages))
        tokens = self._get_number(done or {}, "tokens")
        facts = self._worker.read_facts()
        within_context = tokens + prompt.max_tokens <= self._get_number(facts, "context")
        return within_context and tokens <= self._get_number(facts, "input")

    def chat(
        self, request: ChatRequest, cancelled: Callable[[], bool] = never
    ) -> Iterator[Written | Finished]:
        """Yield the answer in pieces of whole characters, ``Finished`` last; cancelled, maybe without that.

        Raises:
            BusyError: too many requests wait already.
            EngineError: the worker failed, or the prompt does not fit.
        """
        fields = {"max_tokens": request.max_tokens, "sampling": asdict(request.sampling)}
        replies = self._worker.request(
            "generate", cancelled, messages=_encode_messages(request.messages), **fields
        )
        for number, reply in enumerate(replies):
            if "done" in reply:
                yield self.totals.add(self._parse_finished(reply["done"]))
                return
            if number > request.max_tokens:  # the end may bring one more: what was held back
                raise EngineError(f"{self._model.name}: it does not stop writing.", "Ask again.")
            yield self._parse_written(reply)

    def stream(
        self, prompt: Prompt, cancelled: Callable[[], bool] = never
    ) -> Generator[str, None, Finished | None]:
        """Yield the answer in pieces of whole characters; returns what it cost, if its end was seen.

        Raises:
            BusyError, EngineError: as `chat`.
        """
        for piece in self.chat(ChatRequest(prompt.messages, prompt.max_tokens), cancelled):
            if isinstance(piece, Finished):
                return piece
            yield piece.text
        return None

    def prefill(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Finished | None:
        """Compute a prompt ahead of the question that will need it. It gives way to every other request.

        Returns:
            what it cost; None when it was cancelled.

        Raises:
            BusyError, EngineError: as `chat`.
        """
        done = self._worker.ask("prefill", cancelled, messages=_encode_messages(prompt.messages))
        return None if done is None else self._parse_finished(done)

    def close(self) -> None:
        """End the worker. Closing twice is allowed."""
        self._worker.close()
        if self._cache:
            self._cache.close()

    def _parse_written(self, reply: Frame) -> Written:
        tokens = reply.get("logprobs", [])
        if not isinstance(tokens, list):
            raise self._make_error()
        return Written(_clean_text(reply["token"]), tuple(self._parse_likelihoods(token) for token in tokens))

    def _parse_likelihoods(self, token: Any) -> tuple[Likelihood, tuple[Likelihood, ...]]:
        """Parse a token with its alternatives, from ``[[text, logprob], [[text, logprob], …]]``."""
        try:
            chosen, others = token
            return _parse_likelihood(chosen), tuple(_parse_likelihood(other) for other in others)
        except (TypeError, ValueError) as error:
            raise self._make_error() from error

    def _parse_finished(self, done: Frame) -> Finished:
        if done.get("reason") not in REASONS:
            raise self._make_error()
        names = ("prompt_tokens", "reused_tokens", "tokens", "steps")
        return Finished(done["reason"], *(self._get_number(done, name) for name in names))

    def _get_number(self, values: Frame, key: str) -> int:
        number = values.get(key)
        if type(number) is not int:
            raise self._make_error()
        return number

    def _make_error(self) -> EngineError:
        return EngineError(f"{self._model.name} gave no usable answer.", "Ask again.")


def _encode_messages(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _parse_likelihood(pair: Any) -> Likelihood:
    text, logprob = pair
    if not isinstance(text, str) or type(logprob) not in (int, float):
        raise ValueError("no likelihood")
    return Likelihood(_clean_text(text), float(logprob))


def _clean_text(text: str) -> str:
    """Replace half characters, which files and terminals do not take."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
