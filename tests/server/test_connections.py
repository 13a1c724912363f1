"""Half-open connections lock nobody out."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from edge.server import connections

Start = Callable[..., Any]


def connect(client: Any, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", client.base_url.port), timeout=10)
    connection.sendall(sent)
    return connection


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_more_half_open_connections_than_there_may_be_lock_nobody_out(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 5)
    client = start()
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        opened = [stack.enter_context(connect(client, b"GET / HTTP/1.1\r\n")) for _ in range(20)]
        assert client.get("/health").status_code == 200
        assert is_closed(opened[0])
    assert not caplog.records


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_a_header_that_does_not_end_in_time_ends_its_connection(
    start: Start, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)
    with connect(start(), sent) as connection:
        assert is_closed(connection)


def test_one_address_has_only_so_many_connections(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_FROM_ADDRESS", 2)
    monkeypatch.setattr(connections, "_is_loopback", lambda address: False)
    client = start()
    with ExitStack() as stack:
        first, *_ = [stack.enter_context(connect(client, b"GET")) for _ in range(3)]
        assert is_closed(first)
