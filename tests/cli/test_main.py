from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.cli import main
from edge.errors import StorageError

Edge = Callable[..., Any]


def test_an_error_is_a_message_and_what_to_do(edge: Edge, home: Path) -> None:
    result = edge("pack", "rollback", "pumps")
    assert result.code == 3
    assert result.out == ""
    assert (
        result.err
        == "error: The pack 'pumps' is not installed.\nhint: Install one: edge pack install FILE.kpack\n"
    )


def test_in_the_journal_errors_have_their_level(home: Path) -> None:
    reader, writer = os.pipe()
    pipe = os.fstat(writer)
    environment = {**os.environ, "JOURNAL_STREAM": f"{pipe.st_dev}:{pipe.st_ino}"}
    command = [sys.executable, "-m", "edge", "pack", "rollback", "pumps"]
    subprocess.run(command, stderr=writer, env=environment, check=False, timeout=60)
    os.close(writer)
    with os.fdopen(reader) as told:
        assert [line[:8] for line in told] == ["<3>error", "<3>hint:"]


def test_with_json_the_error_is_on_standard_output_too(edge: Edge, home: Path) -> None:
    result = edge("pack", "inspect", "pumps", "--json")
    error = json.loads(result.out)["error"]
    assert error == {
        "title": "Not found",
        "message": "The pack 'pumps' is not installed.",
        "hint": "Install one: edge pack install FILE.kpack",
        "exit_code": result.code,
    }
    assert result.err.startswith("error: ")


def test_a_wrong_option_is_told_like_any_other_error(edge: Edge) -> None:
    result = edge("pack", "list", "--jsn")
    assert result.code == 2
    assert result.err == (
        "error: No such option: --jsn (Possible options: --json)\nhint: edge pack list --help\n"
    )


def test_a_wrong_setting_is_an_error_of_usage(edge: Edge, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("prot = 1\n")
    result = edge("pack", "list")
    assert result.code == 2
    assert "unknown setting 'prot'" in result.err


def test_a_fault_of_ours_is_one_short_message_and_where_to_find_more(
    edge: Edge, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("edge.packs.store.PackStore.list", fail)
    result = edge("pack", "list")
    assert result.code == 1
    assert result.err.startswith("error: This is a fault in edge (ZeroDivisionError: by zero).\nhint: ")
    assert "EDGE_DEBUG=1" in result.err
    assert "Traceback" not in result.err

    monkeypatch.setenv("EDGE_DEBUG", "1")
    assert "Traceback" in edge("pack", "list").err


def test_ctrl_c_is_one_line_and_130(edge: Edge, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.packs.store.PackStore.list", interrupt)
    result = edge("pack", "list")
    assert (result.code, result.out, result.err) == (130, "", "interrupted\n")


def test_every_exit_code_is_that_of_the_error(
    edge: Edge, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    monkeypatch.setattr("edge.packs.store.PackStore.list", fail)
    assert edge("pack", "list").code == StorageError.exit_code == 8


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "edge", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("json", ["", "--json"])
def test_output_that_finds_no_room_is_an_error(home: Path, json: str) -> None:
    command = [sys.executable, "-m", "edge", "pack", "list", *filter(None, [json])]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == StorageError.exit_code
    assert done.stderr.startswith(b"error: The output cannot be written: No space left on device.\nhint: ")


def test_closed_output_is_no_error(home: Path) -> None:
    command = f"'{sys.executable}' -m edge pack list >&- 2>&-"
    assert subprocess.run(command, shell=True, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("command", ["ask", "search"])
def test_a_question_that_looks_like_an_option_is_told_how_to_be_asked(edge: Edge, command: str) -> None:
    result = edge(command, "-v what is it?")
    assert result.code == 2
    assert f'edge {command} -- "-v …"' in result.err


def test_output_that_the_terminal_cannot_show_is_replaced(home: Path) -> None:
    command = [sys.executable, "-m", "edge", "pack", "inspect", "pümps", "--json"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["message"] == "The pack 'pümps' is not installed."


def test_the_program_leaves_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["edge", "nonsense"])
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 2
