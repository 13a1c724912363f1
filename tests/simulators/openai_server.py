"""An OpenAI-compatible server on loopback that behaves as badly as it is told to."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

Behaviour = bytes | Callable[[socket.socket], None]


class Upstream:
    """Answers each chat with the next behaviour, the last one for ever: bytes, or what it does to the connection.

    Attributes:
        asked: head and body of every chat it was asked for.
        left: set when a client has closed its connection.
    """

    def __init__(self, *behaviours: Behaviour, models: Any = None, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[bytes, Any]] = []
        self.left = Event()
        self._behaviours, self._models, self._tls = behaviours, models, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._open: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            head, body = _request(connection)
            if head.startswith(b"GET "):
                connection.sendall(_list_models(self._models))
            else:
                self.asked.append((head, json.loads(body)))
                self._behave(connection, self._behaviours[min(len(self.asked), len(self._behaviours)) - 1])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        self.left.set()

    def _behave(self, connection: socket.socket, behaviour: Behaviour) -> None:
        if isinstance(behaviour, bytes):
            connection.sendall(behaviour)
        else:
            behaviour(connection)


def respond(body: bytes, status: str = "200 OK", kind: str = "text/event-stream", *headers: str) -> bytes:
    """Return a whole response that ends with its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def encode(*data: Any, end: bool = True) -> bytes:
    """Encode the body of a stream: text as it is, anything else as JSON."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in data]
    return "".join(f"data: {text}\n\n" for text in [*texts, *(["[DONE]"] if end else [])]).encode()


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chunk with a piece of text."""
    said = {} if text is None else {"content": text}
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]} | more


def say(*pieces: str) -> bytes:
    """Return a whole answer."""
    return respond(encode(*map(chunk, pieces), chunk(finish="stop")))


def send_byte_by_byte(data: bytes) -> Callable[[socket.socket], None]:
    """Sends so that nothing arrives whole."""

    def behave(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(len(data)):
            connection.sendall(data[n : n + 1])

    return behave


def encode_chunked(blocks: Iterable[bytes]) -> bytes:
    """Encode a response in HTTP's own chunks."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in blocks)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + parts + b"0\r\n\r\n"


def send_then_wait(data: bytes) -> Callable[[socket.socket], None]:
    """Sends this and then says nothing until the client goes."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(data)
        while connection.recv(4096):
            pass

    return behave


def send_for_ever(data: bytes, again: bytes) -> Callable[[socket.socket], None]:
    """Sends this, and then something again and again until the client goes."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(data)
        while True:
            connection.sendall(again)

    return behave


def _request(connection: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (block := connection.recv(65536)):
            raise ValueError("no request")
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


def _list_models(models: Any) -> bytes:
    if models is None:
        return respond(b"<h1>Not Found</h1>", "404 Not Found", "text/html")
    body = models if isinstance(models, bytes) else json.dumps({"object": "list", "data": models}).encode()
    return respond(body, kind="application/json")
