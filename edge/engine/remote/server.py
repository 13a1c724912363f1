"""One OpenAI-compatible server: its address, its key, and an error in words for every way in which it can fail."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property

from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
    TimeoutError,
)
from urllib3.util import parse_url

from edge import __version__
from edge.engine.interface import RefusedError
from edge.engine.process.frames import clean
from edge.engine.remote import protocol
from edge.engine.remote.call import FAILURES, POLL_S, Call, Head, Request, Route
from edge.engine.remote.events import EventParser, EventTooLong
from edge.engine.remote.protocol import NotUnderstoodError
from edge.errors import BusyError, EdgeError, EngineError

CONNECT_S = 10.0
PAUSES_S = (0.5, 2.0)
"""Before the second and the third attempt."""

LONGEST_PAUSE_S = 15.0
"""A server that wants to be left alone for longer is busy."""

MAX_BODY_BYTES = 1 << 20
KEY = "EDGE_OPENAI_KEY"
ELSEWHERE = "Or answer without it: --engine extractive."

_TRANSIENT = (429, 500, 502, 503, 504)
_BUSY = (429, 503)
_KEY_REFUSED = (401, 403)
_AT_FAULT = (400, 413, 422)
_TOO_LONG = ("context length", "context size", "maximum context", "too long", "max_model_len")
_REASONS = (
    (NameResolutionError, "no such host is known here", "Check openai_url and the network."),
    (ProxyError, "the proxy does not let it through", "Check the setting 'proxy'."),
    (NewConnectionError, "it refuses, or is out of reach", "Start it, or check openai_url and the network."),
    (ConnectTimeoutError, "it does not answer", "Check openai_url and the network."),
    (
        SSLError,
        "its certificate is not one this device trusts",
        "Check this device's clock and its certificates (SSL_CERT_FILE).",
    ),
)

GivenUp = Callable[[], bool]


class Server:
    """Asks and translates.

    Args:
        url: of the API, with its ``/v1``.
        key: sent as a bearer token; empty for none.
        proxy: through which it is reached; empty for none.
        silence_s: after which it counts as dead.
        pauses_s: before each further attempt, while nothing has come yet.
    """

    def __init__(
        self, url: str, key: str, proxy: str, silence_s: float, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._url, self._key, self._proxy = url.rstrip("/"), key, proxy
        self._silence_s, self._pauses_s = silence_s, pauses_s
        self.name = parse_url(url).netloc or url

    def open(self, path: str, body: bytes, given_up: GivenUp) -> Call | None:
        """Begin a call and return it when it was answered with 200; None when it was given up.

        Raises:
            BusyError: the server is, after every attempt or for longer than that makes sense.
            EngineError: it cannot be reached or refuses.
        """
        for pause in (*self._pauses_s, None):
            try:
                return self._try(path, body, given_up)
            except _Transient as failure:
                wait = pause if failure.wait_s is None else failure.wait_s
                if pause is None or wait is None or wait > LONGEST_PAUSE_S:
                    raise failure.error from failure.__cause__
            if _wait(wait, given_up):
                return None
        return None

    def read_events(self, call: Call, given_up: GivenUp) -> Iterator[str]:
        """Yield the data of each event; of a server that does not stream, its one answer. Ends when it was given up.

        Raises:
            EngineError: what comes is no answer, or breaks off, or is silent but for comments.
        """
        head = call.read_head(given_up)
        kind = head.headers.get("Content-Type", "").partition(";")[0].strip().lower() if head else ""
        if kind == "application/json":
            yield self._read_whole(call, given_up).decode("utf-8", "replace")
            return
        if kind != "text/event-stream":
            raise EngineError(
                f"{self.name} sent {clean(kind) or 'something unknown'} in place of an answer.",
                "openai_url must lead to the API, up to its /v1.",
            )
        parser, spoke = EventParser(), time.monotonic()
        try:
            while block := self._read_block(call, given_up):
                for data in parser.feed(block):
                    yield data
                    spoke = time.monotonic()  # after it: the one who takes the data may be slow
                if time.monotonic() - spoke > self._silence_s:
                    raise self._make_silence_error()
            if block is not None:
                yield from parser.end()
        except EventTooLong as error:
            raise EngineError(f"{self.name} sent an event without end.", ELSEWHERE) from error

    def read(self, path: str, silence_s: float) -> bytes:
        """Read a small document, tried once.

        Raises:
            EngineError: the server cannot be asked, or refuses the key.
            NotUnderstoodError: it has none.
        """
        call = self._begin_call(path, None, silence_s)
        with closing(call):
            head = self._read_head(call, lambda: False)
            body = self._read_whole(call, lambda: False)
            if head is not None and head.status in _KEY_REFUSED:
                raise self._make_refusal(head, protocol.parse_error(body))
            if head is None or head.status != 200:
                raise NotUnderstoodError(f"no {path}")
            return body

    def make_error(self, said: str) -> EngineError:
        """Make the error of a server that says what went wrong."""
        if any(words in said.lower() for words in _TOO_LONG):
            return RefusedError(f"{self.name}: {self._clean(said)}", "Ask shorter, or with fewer passages.")
        return EngineError(f"{self.name} failed: {self._clean(said) or 'it does not say why.'}", ELSEWHERE)

    # --- one attempt --------------------------------------------------------------------------------------------

    def _try(self, path: str, body: bytes, given_up: GivenUp) -> Call | None:
        if given_up():
            return None
        call = self._begin_call(path, body, self._silence_s)
        opened = False
        try:
            head = self._read_head(call, given_up)
            if head is None:
                return None
            opened = head.status == 200
            if opened:
                return call
            said = protocol.parse_error(self._read_whole(call, given_up))
            raise self._make_refusal(head, said)
        except EngineError as error:
            if isinstance(error.__cause__, NewConnectionError | ProtocolError):
                raise _Transient(error, None) from error.__cause__
            raise
        finally:
            if not opened:
                call.close()

    def _begin_call(self, path: str, body: bytes | None, silence_s: float) -> Call:
        headers = {
            "Accept": "text/event-stream, application/json" if body else "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"edge/{__version__}",
        }
        if body:
            headers["Content-Type"] = "application/json"
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        route = Route(self._tls, self._proxy, min(CONNECT_S, silence_s), silence_s)
        return Call(Request(self._url + path, headers, body), route)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _read_head(self, call: Call, given_up: GivenUp) -> Head | None:
        try:
            return call.read_head(given_up)
        except FAILURES as failure:
            raise self._make_unreachable_error(failure) from failure

    def _read_block(self, call: Call, given_up: GivenUp) -> bytes | None:
        try:
            return call.read_block(given_up)
        except TimeoutError as failure:
            raise self._make_silence_error() from failure
        except FAILURES as failure:
            raise EngineError(f"{self.name} broke off its answer.", "Ask again.") from failure

    def _read_whole(self, call: Call, given_up: GivenUp) -> bytes:
        body = bytearray()
        while block := self._read_block(call, given_up):
            body += block
            if len(body) > MAX_BODY_BYTES:
                raise EngineError(f"{self.name} sent an answer without end.", ELSEWHERE)
        return bytes(body)

    # --- what went wrong ----------------------------------------------------------------------------------------

    def _make_refusal(self, head: Head, said: str) -> EdgeError | _Transient:
        said = self._clean(said)
        colon = f": {said}" if said else "."
        if head.status in _KEY_REFUSED:
            hint = f"Set {KEY}." if not self._key else f"Check {KEY}."
            return EngineError(f"{self.name} does not accept the key{colon}", hint)
        if head.status == 404:
            hint = "Check openai_model and openai_url, which ends in /v1."
            return EngineError(f"{self.name} has no such model or address{colon}", hint)
        if head.status < 400:
            return EngineError(
                f"{self.name} leads elsewhere (HTTP {head.status}).", "Set openai_url to where it leads."
            )
        if head.status in _TRANSIENT:
            busy = head.status in _BUSY
            kind, what = (BusyError, "is busy") if busy else (EngineError, f"failed (HTTP {head.status})")
            return _Transient(
                kind(f"{self.name} {what}{colon}", "Ask again later."), _parse_retry_after(head)
            )
        if any(words in said.lower() for words in _TOO_LONG):
            return self.make_error(said)
        kind = RefusedError if head.status in _AT_FAULT else EngineError
        return kind(f"{self.name} refused (HTTP {head.status}){colon}", ELSEWHERE)

    def _make_unreachable_error(self, failure: BaseException) -> EngineError:
        if isinstance(failure, TimeoutError) and not isinstance(failure, ConnectTimeoutError):
            return self._make_silence_error()
        for kind, reason, hint in _REASONS:
            if isinstance(failure, kind):
                return EngineError(f"{self.name} cannot be asked: {reason}.", f"{hint} {ELSEWHERE}")
        return EngineError(
            f"{self.name} cannot be asked: {self._clean(str(failure)) or type(failure).__name__}.",
            f"Check openai_url. {ELSEWHERE}",
        )

    def _make_silence_error(self) -> EngineError:
        return EngineError(
            f"{self.name} said nothing for {self._silence_s:g} s.", f"Set openai_timeout higher. {ELSEWHERE}"
        )

    def _clean(self, said: str) -> str:
        """Turn what a server said into one short line without the key, which some repeat."""
        return clean(said.replace(self._key, "…") if self._key else said)


class _Transient(Exception):
    """An attempt failed in a way that another may not; ``wait_s`` is what the server asked for."""

    def __init__(self, error: EdgeError, wait_s: float | None) -> None:
        super().__init__()
        self.error, self.wait_s = error, wait_s


def _parse_retry_after(head: Head) -> float | None:
    """Return the seconds that the server asks to be left alone for."""
    text = head.headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _wait(seconds: float, given_up: GivenUp) -> bool:
    """Wait; return whether it was given up meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if given_up():
            return True
        time.sleep(min(POLL_S, left))
    return given_up()


def read_key(environ: Mapping[str, str]) -> str:
    """Read the key from the environment; empty when there is none.

    Raises:
        EngineError: it cannot stand in a header.
    """
    key = environ.get(KEY, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EngineError(f"{KEY} is not a key: it has characters that none has.", f"Set {KEY} again.")
    return key
