"""TAB, in the shells themselves where they are installed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.cli.completion import SCRIPTS, VARIABLE, Shell

Edge = Callable[..., Any]
Complete = Callable[..., list[str]]

needs = {shell: pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not here") for shell in Shell}


@pytest.fixture
def complete(ready: Path) -> Complete:
    """The words that edge offers for the last of these."""

    def call(*words: str) -> list[str]:
        environment = {**os.environ, VARIABLE: "1"}
        command = [sys.executable, "-m", "edge", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return [line.partition("\t")[0] for line in done.stdout.splitlines()]

    return call


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with edge as a command, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "edge").write_text(f'#!/bin/sh\nexec {sys.executable} -m edge "$@"\n')
    (folder / "edge").chmod(0o755)
    return folder


def test_commands_options_and_names_are_offered(complete: Complete) -> None:
    assert {"ask", "pack", "serve"} <= set(complete(""))
    assert complete("pack", "ro") == ["rollback"]
    assert {"--json", "--pack"} <= set(complete("ask", "--"))
    assert complete("ask", "--pack", "") == ["pumps"]
    assert complete("ask", "--pack", "x") == []
    assert complete("pack", "remove", "pu") == ["pumps"]
    assert complete("completion", "") == ["bash", "zsh", "fish"]


def test_files_are_left_to_the_shell(complete: Complete) -> None:
    assert complete("pack", "install", "") == []


def test_models_are_offered(
    edge: Edge, home: Path, complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "small.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("EDGE_HOME", str(home))
    assert complete("model", "use", "") == ["small"]


def test_what_is_wrong_is_not_told_at_tab(
    complete: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("[")
    monkeypatch.setenv("EDGE_HOME", str(tmp_path))
    assert complete("ask", "--pack", "") == []


@pytest.mark.parametrize("shell", Shell)
def test_the_script_is_printed(edge: Edge, shell: Shell) -> None:
    assert edge("completion", shell).out == SCRIPTS[shell]


@needs[Shell.bash]
def test_bash_completes(ready: Path, commands: Path) -> None:
    ask = """
    source <(edge completion bash)
    complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _edge edge; echo "${COMPREPLY[@]}"; }
    complete_line edge pack ro
    complete_line edge pack remove ""
    complete_line edge pack install ""
    """
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", ask], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["rollback", "pumps", ""]


@needs[Shell.fish]
def test_fish_completes(ready: Path, commands: Path, tmp_path: Path) -> None:
    (tmp_path / "new.kpack").write_text("")
    ask = """
    edge completion fish | source
    complete -C 'edge pack ro'
    complete -C 'edge pack remove '
    complete -C 'edge pack install ne'
    """
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert words == ["rollback", "pumps", "new.kpack"]


@needs[Shell.zsh]
def test_zsh_completes(ready: Path, commands: Path, tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "_edge").write_text(SCRIPTS[Shell.zsh])
    (tmp_path / "new.kpack").write_text("")
    start = f"cd {tmp_path}; fpath=({tmp_path}/functions $fpath); autoload -U compinit; compinit -u -D"
    with zsh(commands) as typed:
        assert "READY" in typed(f"PS1='> '; {start}; echo READY\n", "READY\r\n")
        assert "rollback" in typed("edge pack ro\t", "rollback ")
        assert "pumps" in typed("\x15edge pack remove \t", "pumps ")
        assert "new.kpack" in typed("\x15edge pack install ne\t", "new.kpack ")


@contextmanager
def zsh(commands: Path) -> Iterator[Callable[[str, str], str]]:
    """Start a zsh on a terminal: types a text, and returns what is shown until a text is."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "TERM": "dumb"}
    process = subprocess.Popen(
        ["zsh", "-f", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)

    def typed(text: str, awaited: str) -> str:
        os.write(ours, text.encode())
        shown, end = "", time.monotonic() + 30
        while awaited not in shown and time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 65536).decode(errors="replace")
        return shown

    try:
        yield typed
    finally:
        process.kill()
        process.wait()
        os.close(ours)
