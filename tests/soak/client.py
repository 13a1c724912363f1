"""A client over a bare socket, so that it can be as slow, as hasty and as rude as it likes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, replace
from typing import Any

PATIENCE_S = 120.0
SLOW_BYTES, SLOW_PAUSE_S = 512, 0.02


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client behaves.

    Args:
        slow: it takes a little at a time.
        leaves_after: bytes of the answer after which it goes; None to stay.
        resets: it goes without a goodbye.
        breaks_off: it sends only so many bytes of its request.
    """

    slow: bool = False
    leaves_after: int | None = None
    resets: bool = False
    breaks_off: int | None = None


POLITE = Manner()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``whole`` is whether the answer was read to its end."""

    status: int
    body: bytes
    whole: bool

    def parse_json(self) -> Any:
        """Return the body, if it is JSON; else None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def parse_events(self) -> list[tuple[str, str]]:
        """Return server-sent events as name and data."""
        found = []
        for block in self.body.decode().split("\n\n"):
            fields = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
            values = {name: value for name, _, value in fields}
            if "data" in values:
                found.append((values.get("event", ""), values["data"]))
        return found


def make_request(method: str, path: str, body: bytes = b"", media_type: str = "application/json") -> bytes:
    """Write an HTTP request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if method == "POST":
        head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def talk(port: int, data: bytes, manner: Manner = POLITE) -> Reply:
    """Send a request and read the answer.

    Raises:
        TimeoutError: it did not end.
        OSError: the connection failed.
    """
    async with asyncio.timeout(PATIENCE_S):
        connection = socket.socket()
        connection.setblocking(False)
        if manner.slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(
            sock=connection, limit=SLOW_BYTES if manner.slow else 2**16
        )
        try:
            writer.write(data[: manner.breaks_off])
            await writer.drain()
            received = b"" if manner.breaks_off is not None else await _receive(reader, manner)
        finally:
            if manner.resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            writer.close()
    return parse_reply(received)


async def _receive(reader: asyncio.StreamReader, manner: Manner) -> bytes:
    received = bytearray()
    while manner.leaves_after is None or len(received) < manner.leaves_after:
        part = await reader.read(SLOW_BYTES if manner.slow else 2**16)
        if not part:
            break
        received += part
        if manner.slow:
            await asyncio.sleep(SLOW_PAUSE_S)
    return bytes(received)


def parse_reply(received: bytes) -> Reply:
    """Parse the reply that these bytes are; some of it may be missing."""
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = int(lines[0].split()[1]) if head else 0
    reply = Reply(status, body, whole=len(body) == int(fields.get("content-length", -1)))
    if fields.get("transfer-encoding") == "chunked":
        reply = replace(reply, body=_decode_chunked(body), whole=body.endswith(b"0\r\n\r\n"))
    return reply


def _decode_chunked(body: bytes) -> bytes:
    parts, rest = [], body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size or b"0", 16)
        parts.append(rest[:count])
        rest = rest[count + 2 :] if count else b""
    return b"".join(parts)
