"""Every help page is kept in tests/golden/help. After a change: ``python tests/cli/test_help.py`` writes them anew."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from edge import __version__
from edge.cli.main import app

PAGES = Path(__file__).parents[1] / "golden" / "help"
HEAVY = {"apsw", "fastapi", "httpx2", "huggingface_hub", "llama_cpp", "numpy", "pydantic", "rich", "uvicorn"}
Edge = Callable[..., Any]


def commands(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every command as the words it is called by."""
    yield path
    if isinstance(command, TyperGroup):
        for name, sub in command.commands.items():
            yield from commands(sub, *path, name)


ALL = list(commands(get_command(app)))


def page_of(command: tuple[str, ...]) -> Path:
    return PAGES / f"{'-'.join(('edge', *command))}.txt"


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_help_is_what_the_golden_page_says(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = edge(*command, "--help")
    assert result.code == 0
    assert result.out == page_of(command).read_text(), "python tests/cli/test_help.py writes the pages anew"


def test_no_page_is_left_of_a_command_that_is_gone() -> None:
    assert set(PAGES.iterdir()) == {page_of(command) for command in ALL}


def test_pages_fit_80_columns() -> None:
    assert max(len(line) for page in PAGES.iterdir() for line in page.read_text().splitlines()) <= 80


def test_every_command_is_listed_for_one_of_the_three_people() -> None:
    group: Any = get_command(app)
    listed = [name for names in group.panels.values() for name in names]
    assert len(group.panels) == 3
    assert sorted(listed) == sorted(group.commands)


def test_no_first_line_is_cut_off() -> None:
    for page in PAGES.iterdir():
        assert "...\n" not in page.read_text().partition("\n")[2], page.name


def test_help_loads_neither_engine_nor_index_nor_server() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "edge", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("arguments", [(), ("pack",), ("model",)], ids=["edge", "edge pack", "edge model"])
def test_a_group_alone_prints_its_help(edge: Edge, arguments: tuple[str, ...]) -> None:
    result = edge(*arguments)
    assert result.code == 0
    assert result.out == edge(*arguments, "--help").out


def test_version(edge: Edge) -> None:
    assert edge("--version").out == f"edge {__version__}\n"


def test_a_slip_in_a_command_is_answered_with_the_near_one(edge: Edge) -> None:
    result = edge("pack", "rolback", "pumps")
    assert result.code == 2
    assert "Did you mean 'rollback'?" in result.err


def main() -> None:
    PAGES.mkdir(parents=True, exist_ok=True)
    for old in PAGES.iterdir():
        old.unlink()
    for command in ALL:
        environment = {**os.environ, "COLUMNS": "80"}
        words = [sys.executable, "-m", "edge", *command, "--help"]
        text = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout
        page_of(command).write_text(text)
        print(page_of(command).name)


if __name__ == "__main__":
    main()
