"""A language model on an OpenAI-compatible server: vLLM, llama-server, LiteLLM, another edge.

The one engine that opens connections, and only to where ``openai_url`` says. The key comes from the environment alone;
it is neither stored nor shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from ipaddress import ip_address

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from edge.config import Settings, parse_list
from edge.engine.interface import ChatRequest, Finished, RefusedError, Written
from edge.engine.remote import protocol
from edge.engine.remote.call import Call
from edge.engine.remote.protocol import Chunk, NotUnderstoodError, Reason, ServerError, Usage
from edge.engine.remote.server import Server, read_key
from edge.engine.totals import Totals
from edge.errors import BusyError, EngineError, UsageError
from edge.types import Prompt, never

NAME = "openai"
EXAMPLE = "For example: EDGE_OPENAI_URL=http://localhost:8000/v1"

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
MOST_CHARACTERS_PER_TOKEN = 64
ASK_MODELS_EVERY_S = 60.0
ASK_MODELS_FOR_S = 5.0
COST_WITHIN_S = 2.0
"""After the end of an answer; some servers leave the connection open."""

_DONE = "[DONE]"


class OpenAIEngine:
    """Asks a server. Thread-safe; every request has a connection of its own.

    Args:
        server: who is asked.
        model: which of its models; empty for the only one.
        input_tokens: the longest prompt, where the server does not say how much it takes.
    """

    def __init__(self, server: Server, model: str = "", input_tokens: int = 4096) -> None:
        self._server, self._model, self._input_tokens = server, model, input_tokens
        self._lock = threading.Lock()
        self._models: Mapping[str, int | None] | None = None
        self._failure: EngineError | None = None
        self._asked_at = -ASK_MODELS_EVERY_S
        self._closed = threading.Event()
        self.totals = Totals()

    @classmethod
    def from_settings(cls, settings: Settings, environ: Mapping[str, str]) -> OpenAIEngine:
        """Make the engine of the settings.

        Raises:
            UsageError: no address, one that is none, or one where others could read along.
            EngineError: a key that is none.
        """
        url = _parse_address(settings)
        proxy = "" if settings.proxy == "none" or _is_loopback(url) else settings.proxy
        server = Server(url.url, read_key(environ), proxy, max(1, settings.openai_timeout))
        return cls(server, settings.openai_model, settings.max_input_tokens)

    @property
    def name(self) -> str:
        """``openai:`` and the model, as far as it is known."""
        return f"{NAME}:{self._model}" if self._model else NAME

    def fits(self, prompt: Prompt) -> bool:
        """Return whether the prompt seems to fit, by its characters, what the server says or the settings do."""
        tokens = sum(TOKENS_PER_MESSAGE + len(one.content) // CHARACTERS_PER_TOKEN for one in prompt.messages)
        room = self._find_context()
        return tokens <= self._input_tokens if room is None else tokens + prompt.max_tokens <= room

    def stream(self, prompt: Prompt, cancelled: Callable[[], bool] = never) -> Iterator[str]:
        """Yield the answer in pieces; ends soon after ``cancelled()``.

        Raises:
            EngineError: the server cannot be reached, refuses, is busy, or broke off.
        """
        try:
            for event in self.chat(ChatRequest(prompt.messages, prompt.max_tokens), cancelled):
                if isinstance(event, Written):
                    yield event.text
        except BusyError as error:
            raise EngineError(error.message, error.hint) from error

    def chat(
        self, request: ChatRequest, cancelled: Callable[[], bool] = never
    ) -> Iterator[Written | Finished]:
        """Yield the answer in pieces, ``Finished`` last.

        Raises:
            BusyError: the server is, or asks to be left alone for a while.
            EngineError: as `stream`.
        """
        self._require_open()
        if not self.fits(Prompt("", (), request.messages, request.max_tokens)):
            raise RefusedError(
                "The prompt is too long for the model.", "Ask shorter, or with fewer passages."
            )

        def is_given_up() -> bool:
            return cancelled() or self._closed.is_set()

        call = self._server.open(
            "/chat/completions", protocol.encode_request(self._choose_model(), request), is_given_up
        )
        if call is None:
            yield Finished("cancel", 0, 0, 0, 0)
        else:
            with closing(call):
                yield from self._write(call, request.max_tokens, is_given_up)
        if not cancelled():
            self._require_open()

    def close(self) -> None:
        """End what is under way. Closing twice is allowed."""
        self._closed.set()

    def _write(
        self, call: Call, max_tokens: int, given_up: Callable[[], bool]
    ) -> Iterator[Written | Finished]:
        characters, answer = 0, _Progress()

        def has_enough() -> bool:
            return given_up() or answer.is_over()

        for chunk in self._read_chunks(call, has_enough):
            if given_up():
                break
            answer.add(chunk)
            if chunk.written is None:
                continue
            characters += len(chunk.written.text)
            if characters > MOST_CHARACTERS_PER_TOKEN * (max_tokens + 1):
                raise EngineError(f"{self._server.name} does not stop writing.", "Ask again.")
            yield chunk.written
        if not given_up() and answer.reason is None:
            raise EngineError(f"{self._server.name} broke off its answer.", "Ask again.")
        yield self.totals.add(answer.finish(cancelled=given_up()))

    def _read_chunks(self, call: Call, enough: Callable[[], bool]) -> Iterator[Chunk]:
        try:
            for data in self._server.read_events(call, enough):
                if data.strip() == _DONE:
                    yield Chunk(reason="end")
                    return
                yield protocol.parse_chunk(data)
        except ServerError as error:
            raise self._server.make_error(str(error)) from error
        except NotUnderstoodError as error:
            raise EngineError(f"{self._server.name} gave no usable answer: {error}.", "Ask again.") from error

    def _choose_model(self) -> str:
        """Return the model to ask for.

        Raises:
            EngineError: none is set and the server has not exactly one.
        """
        if not self._model:
            names = list(self._list_models() or ())
            if self._failure:
                raise self._failure
            if len(names) != 1:
                found = f"has {', '.join(names[:10])}" if names else "does not say which models it has"
                raise EngineError(f"{self._server.name} {found}.", "Set openai_model (EDGE_OPENAI_MODEL).")
            self._model = names[0]
        return self._model

    def _find_context(self) -> int | None:
        """Return tokens of prompt and answer together; None where the server does not say."""
        models = self._list_models() or {}
        if not self._model and len(models) == 1:
            return next(iter(models.values()))
        return models.get(self._model)

    def _list_models(self) -> Mapping[str, int | None] | None:
        """Return the server's models: asked for once, and when that failed, again a while later."""
        with self._lock:
            due = time.monotonic() - self._asked_at >= ASK_MODELS_EVERY_S
            if self._models is None and due and not self._closed.is_set():
                self._asked_at, self._failure = time.monotonic(), None
                try:
                    self._models = protocol.parse_models(self._server.read("/models", ASK_MODELS_FOR_S))
                except NotUnderstoodError:
                    self._models = {}
                except EngineError as error:
                    self._failure = error
            return self._models

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise EngineError("The engine is closed.", "Start edge again.")


class _Progress:
    """The facts known of an answer so far."""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self._ended_at = 0.0
        self._usage: Usage | None = None
        self._pieces = 0

    def add(self, chunk: Chunk) -> None:
        if chunk.reason and self.reason is None:
            self.reason, self._ended_at = chunk.reason, time.monotonic()
        self._usage = chunk.usage or self._usage
        self._pieces += chunk.written is not None

    def is_over(self) -> bool:
        """Return whether the answer ended and its cost should have come, if it comes at all."""
        return self.reason is not None and time.monotonic() - self._ended_at > COST_WITHIN_S

    def finish(self, cancelled: bool) -> Finished:
        cost = self._usage or Usage(0, 0, self._pieces)
        reason = "cancel" if cancelled or self.reason is None else self.reason
        return Finished(reason, cost.prompt_tokens, cost.reused_tokens, cost.tokens, cost.tokens)


def _parse_address(settings: Settings) -> Url:
    address = settings.openai_url
    if not address:
        raise UsageError("The engine 'openai' needs the address of a server.", f"Set openai_url. {EXAMPLE}")
    try:
        url = parse_url(address)
    except LocationParseError as error:
        raise UsageError(f"openai_url = {address} is no address.", EXAMPLE) from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise UsageError(f"openai_url = {address} is no address.", EXAMPLE)
    if url.auth:
        raise UsageError("openai_url holds a password.", "A key belongs into EDGE_OPENAI_KEY.")
    if url.scheme == "http" and not _is_loopback(url) and url.host not in parse_list(settings.http_hosts):
        raise UsageError(
            f"{address} is without TLS: others could read questions and passages.",
            f'Use https://, or allow it with the setting http_hosts = "{url.host}".',
        )
    return url if (url.path or "/") != "/" else url._replace(path="/v1")


def _is_loopback(url: Url) -> bool:
    host = (url.host or "").strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
