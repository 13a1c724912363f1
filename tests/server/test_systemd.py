"""The sockets that systemd hands over, and what it hears. Its own systemd-socket-activate is used where it is there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from edge.server.run import bind
from edge.server.systemd import notify

STARTER = """
import os, sys
descriptors = [int(word) for word in sys.argv[1].split(",") if word]
moved = [os.dup2(os.dup(each), 100 + at) for at, each in enumerate(descriptors)]
for at, each in enumerate(moved):
    os.dup2(each, 3 + at)
    os.close(each)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(descriptors))
os.execv(sys.executable, [sys.executable, "-m", "edge", "serve", *sys.argv[2:]])
"""
"""A process that becomes edge with these descriptors from 3 on, as systemd would start it."""

Served = subprocess.Popen[str]


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "EDGE_HOME": str(home), "EDGE_EMBEDDER": "none", "EDGE_ENGINE": "extractive"}


@contextmanager
def activated(
    environment: Mapping[str, str], *sockets: socket.socket, options: tuple[str, ...] = ()
) -> Iterator[Served]:
    numbers = ",".join(str(each.fileno()) for each in sockets)
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, numbers, *options],
        env=environment,
        pass_fds=[each.fileno() for each in sockets],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def url(listener: socket.socket) -> str:
    return "http://{}:{}".format(*listener.getsockname()[:2])


def test_it_answers_on_the_sockets_that_are_handed_over(environment: dict[str, str]) -> None:
    with bind("127.0.0.1", 0) as one, bind("127.0.0.1", 0) as two, activated(environment, one, two) as edge:
        assert edge.stdout is not None
        assert edge.stdout.readline().startswith(url(one))
        assert [httpx.get(f"{url(each)}/health").status_code for each in (one, two)] == [200, 200]


def test_they_go_before_the_address_of_the_command_line(environment: dict[str, str]) -> None:
    with bind("127.0.0.1", 0) as listener, bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        with activated(environment, listener, options=("--port", port)) as edge:
            assert edge.stdout is not None
            assert edge.stdout.readline().startswith(url(listener))


def test_sockets_for_another_process_are_none_of_ours(environment: dict[str, str]) -> None:
    environment |= {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    command = [sys.executable, "-m", "edge", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as edge:
        assert edge.stdout is not None
        assert edge.stdout.readline().startswith("http://127.0.0.1:")
        edge.terminate()


def test_a_socket_that_others_can_reach_needs_a_token(environment: dict[str, str]) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener, activated(environment, listener) as edge:
        assert edge.wait(20) == 2
        assert edge.stderr is not None
        assert "no token is set" in edge.stderr.read()


def test_loopback_beside_an_address_with_a_token_asks_for_it_too(environment: dict[str, str]) -> None:
    environment["EDGE_TOKEN"] = "a long random word"
    with (
        bind("127.0.0.1", 0) as inside,
        socket.create_server(("0.0.0.0", 0)) as outside,
        activated(environment, inside, outside) as edge,
    ):
        assert edge.stdout is not None
        assert edge.stdout.readline()
        assert httpx.get(f"{url(inside)}/packs").status_code == 401
        headers = {"Authorization": "Bearer a long random word"}
        assert httpx.get(f"{url(inside)}/packs", headers=headers).status_code == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_sockets_of_several_networks_are_refused(environment: dict[str, str]) -> None:
    with (
        socket.create_server(("0.0.0.0", 0)) as one,
        socket.create_server(("::", 0), family=socket.AF_INET6) as other,
        activated(environment, one, other) as edge,
    ):
        assert edge.wait(20) == 2
        assert edge.stderr is not None
        assert "listen on 0.0.0.0 and ::" in edge.stderr.read()


@pytest.mark.parametrize("kind", ["a file", "a UNIX socket", "datagrams", "a socket that does not listen"])
def test_what_is_no_listening_tcp_socket_is_refused(
    environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    handed: dict[str, socket.socket] = {
        "a UNIX socket": socket.socket(socket.AF_UNIX),
        "datagrams": socket.socket(type=socket.SOCK_DGRAM),
        "a socket that does not listen": socket.socket(),
    }
    with (
        open(tmp_path / "file", "wb") as file,
        activated(environment, handed.get(kind, file)) as edge,  # type: ignore[arg-type]
    ):
        assert edge.wait(20) == 2
        assert edge.stderr is not None
        assert "systemd" in (error := edge.stderr.read())
        assert "ListenStream=" in error
    for each in handed.values():
        each.close()


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not here")
def test_systemd_starts_it_with_the_first_request(environment: dict[str, str]) -> None:
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    command = ["systemd-socket-activate", "--listen", f"127.0.0.1:{port}"]
    command += [f"--setenv={name}" for name in ("EDGE_HOME", "EDGE_EMBEDDER", "EDGE_ENGINE")]
    command += [sys.executable, "-m", "edge", "serve"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert "Listening" in process.stderr.readline()
            assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=20).json()["packs"] == 1
        finally:
            process.terminate()


@pytest.mark.parametrize("abstract", [False, True], ids=["a path", "an abstract address"])
def test_systemd_hears_when_it_is_ready_and_when_it_stops(
    environment: dict[str, str], tmp_path: Path, abstract: bool
) -> None:
    name = f"edge-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, bind("127.0.0.1", 0) as listener:
        manager.bind(f"\0{name}" if abstract else name)
        manager.settimeout(20)
        environment["NOTIFY_SOCKET"] = f"@{name}" if abstract else name
        with activated(environment, listener) as edge:
            ready = manager.recv(4096).decode().splitlines()
            assert ready == ["READY=1", f"STATUS=Answering at {url(listener)}"]
            edge.send_signal(signal.SIGTERM)
            assert manager.recv(4096) == b"STOPPING=1"
            assert edge.wait(5) == 0
            assert edge.stdout is not None
            assert edge.stdout.read() == f"{url(listener)}\n"  # no word of Ctrl-C


def test_a_manager_that_is_gone_is_not_told(tmp_path: Path) -> None:
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notify("READY=1", {})
