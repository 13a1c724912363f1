from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bundle.test_compose import flip
from tests.programs import make_small_program

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"

Edge = Callable[..., Any]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that contains nothing yet."""
    return make_small_program(tmp_path).path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    return Path(shutil.copy(TINY, path))


def test_a_model_goes_in_and_comes_out(edge: Edge, program: Path, model: Path, tmp_path: Path) -> None:
    assert edge("bundle", "add", str(model), "--program", str(program)).out == f"{program} contains m.gguf\n"
    assert "m.gguf" in edge("bundle", "list", "--program", str(program)).out
    assert edge("bundle", "verify", "--program", str(program)).out.count("sound") == 3
    edge("bundle", "extract", "m.gguf", "-o", str(tmp_path / "out"), "--program", str(program))
    assert (tmp_path / "out").read_bytes() == model.read_bytes()
    edge("bundle", "remove", "m.gguf", "--program", str(program))
    parts = json.loads(edge("bundle", "list", "--json", "--program", str(program)).out)["parts"]
    assert [(part["kind"], part["name"]) for part in parts] == [("program", "edge"), ("launcher", "launcher")]


def test_the_program_may_stay_as_it_is(edge: Edge, program: Path, model: Path, tmp_path: Path) -> None:
    before = program.read_bytes()
    edge("bundle", "add", str(model), "-o", str(tmp_path / "other"), "--program", str(program))
    assert program.read_bytes() == before
    assert "m.gguf" in edge("bundle", "list", "--program", str(tmp_path / "other")).out


def test_what_is_damaged_is_named(edge: Edge, program: Path, model: Path) -> None:
    edge("bundle", "add", str(model), "--program", str(program))
    flip(program, program.read_bytes().index(b"GGUF") + 99_999)
    result = edge("bundle", "verify", "--program", str(program))
    assert result.code == 8
    assert "DAMAGED model m.gguf" in result.out


def test_out_of_a_source_installation_a_program_must_be_named(edge: Edge) -> None:
    result = edge("bundle", "list")
    assert result.code == 2
    assert "--program" in result.err


def test_licences_are_those_of_a_one_file_program(edge: Edge) -> None:
    result = edge("licenses")
    assert result.code == 3
    assert "pip show" in result.err
