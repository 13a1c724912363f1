"""The real program on a small real pack: in this process, in one of its own, or in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from edge.cli.main import run

PUMPS = """# PX-200 pump

## Venting

WARNING: The pump starts without notice. Switch off and lock out the mains before you open the housing.

To vent the pump:

1. Close the discharge valve.
2. Open the vent screw by one turn.
3. Close it when water runs out without bubbles.

## Torque

The housing bolts are tightened crosswise to 25 Nm. The coupling bolts are tightened to 8 Nm.
"""
FAULTS = """code,meaning,remedy
E-207,blocked condensate drain,clear the drain and restart the unit
E-311,phase missing at the inverter,check the fuses and the supply terminals
"""
PACK = """name = "pumps"
version = "1.2"
title = "Pump manuals"
licence = "CC0-1.0"
applies_to = ["PX-200"]
"""


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


Edge = Callable[..., Result]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pumps")
    (folder / "pack.toml").write_text(PACK)
    (folder / "px-200.md").write_text(PUMPS)
    (folder / "faults.csv").write_text(FAULTS)
    (folder / "empty.md").write_text("")
    (folder / "photo.raw").write_bytes(b"\0")
    return folder


@pytest.fixture(scope="session")
def kpack(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of these documents, with vectors."""
    path = tmp_path_factory.mktemp("built") / "pumps.kpack"
    assert run(["pack", "build", str(source), "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def installed(kpack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EDGE_HOME with the pack in use; not to be changed."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_HOME", str(home))
        assert run(["pack", "install", str(kpack), "--unsigned"]) == 0
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty EDGE_HOME of this test."""
    monkeypatch.setenv("EDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ready(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The EDGE_HOME with the pack in use; search by words alone, which starts at once."""
    monkeypatch.setenv("EDGE_HOME", str(installed))
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    return installed


@pytest.fixture
def edge(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Edge:
    """Runs a command in this process."""

    def call(*arguments: str, input: str | bytes = "") -> Result:
        data = input.encode() if isinstance(input, str) else input
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data), "utf-8"))
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def program() -> Callable[..., Result]:
    """Runs the program in a process of its own."""

    def call(*arguments: str | bytes, input: bytes = b"") -> Result:
        command = [sys.executable, "-m", "edge", *arguments]
        done = subprocess.run(command, input=input, capture_output=True, timeout=60, check=False)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture
def in_terminal() -> Callable[..., str]:
    """Runs the program on a terminal of 80 columns; the result is what it showed, escape codes included."""
    return _run_in_terminal


def _run_in_terminal(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the last process at the other side has gone
        pass
    finally:
        os.close(ours)
        process.wait(timeout=60)
    return shown.decode().replace("\r\n", "\n")
