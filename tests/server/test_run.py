"""Listening, and ending."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from edge.app import Edge
from edge.errors import BusyError, UsageError
from edge.server.run import bind, make_url, serve
from tests.server.conftest import LocalClient

PROGRAM = """
import sys
from pathlib import Path
from edge.config import Settings
from edge.server.run import serve
from edge.app import Edge

with Edge(Settings(home=Path(sys.argv[1]), embedder="none", engine="extractive")) as edge:
    serve(edge, "127.0.0.1", 0, lambda url: print(url, flush=True))
print("closed", flush=True)
"""


def test_a_port_in_use_is_told_before_anything_starts(edge: Edge) -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(BusyError) as caught:
        serve(edge, "127.0.0.1", taken.getsockname()[1])
    assert "--port" in caught.value.hint


def test_a_port_that_an_edge_answers_on_is_told_as_such(edge: Edge, client: LocalClient) -> None:
    with pytest.raises(BusyError, match="edge runs already") as caught:
        serve(edge, "127.0.0.1", client.base_url.port or 0)
    assert "systemctl stop" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 70_000),
        ("127.0.0.1", -1),
        ("256.1.1.1", 0),
        ("not a name", 0),
        ("x" * 300, 0),
        ("192.0.2.1", 0),
    ],
)
def test_an_address_that_is_none_is_told(host: str, port: int) -> None:
    with pytest.raises(UsageError) as caught:
        bind(host, port)
    assert caught.value.hint


def test_other_machines_need_a_token(edge: Edge) -> None:
    with pytest.raises(UsageError, match="token"):
        serve(edge, "0.0.0.0", 0)


def test_the_url_names_the_port_that_was_chosen() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert make_url("127.0.0.1", listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert make_url("::1", listener).startswith("http://[::1]:")


def test_responses_do_not_wait_for_acknowledgements() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio asks before it sets TCP_NODELAY


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(home: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/health").status_code == 200
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
            process.send_signal(number)
            assert process.stdout.read() == "closed\n"
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
