"""The language model engine: llama.cpp in a worker process that streams the answer back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge.config import Settings
from edge.engine.frames import Frame
from edge.engine.interface import never
from edge.engine.machine import generation_threads
from edge.engine.options import WorkerOptions
from edge.engine.process import worker_command
from edge.engine.supervisor import Worker
from edge.errors import EngineError
from edge.types import Prompt


class LlamaEngine:
    """Answers with a GGUF; the worker starts with the first prompt, or with `start`.

    Args:
        options: which model, and how to run it.
    """

    def __init__(self, options: WorkerOptions) -> None:
        self._model = options.model
        self._worker = Worker(options.model, worker_command(options))

    @classmethod
    def from_settings(cls, settings: Settings, model: Path) -> LlamaEngine:
        """An engine with the limits and threads of the settings."""
        return cls(
            WorkerOptions(
                model,
                "generate",
                settings.threads or generation_threads(),
                settings.max_input_tokens,
                settings.max_output_tokens,
            )
        )

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

    def facts(self) -> Frame:
        """What the worker says about model and machine: name, context, threads, template, system, gpu.

        Raises:
            EngineError: the worker does not start.
        """
        return self._worker.facts()

    def fits(self, prompt: Prompt) -> bool:
        """Whether the prompt and its answer fit the context, counted with the model's own tokens.

        Raises:
            EngineError: the worker failed.
        """
        (reply,) = self._worker.request("count", messages=_messages(prompt))
        tokens = _number(reply["done"], "tokens")
        return tokens + prompt.max_tokens <= _number(self._worker.facts(), "context")

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        """Yield the answer in pieces of whole characters; ends within a token of ``cancelled()``.

        Raises:
            EngineError: the worker failed, or the prompt does not fit.
        """
        request = {"messages": _messages(prompt), "max_tokens": prompt.max_tokens}
        pieces = 0
        for reply in self._worker.request("generate", cancelled, **request):
            if "token" in reply:
                pieces += 1
                if pieces > prompt.max_tokens:
                    raise EngineError(f"{self._model.name}: it does not stop writing.", "Ask again.")
                yield str(reply["token"])

    def close(self) -> None:
        """End the worker. Closing twice is allowed."""
        self._worker.close()


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def _number(values: Any, key: str) -> int:
    number = values.get(key) if isinstance(values, dict) else None
    if type(number) is not int:
        raise EngineError("The language model gave no usable answer.", "Ask again.")
    return number
