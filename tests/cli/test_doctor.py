from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.admit import admit
from edge.bundle.compose import add_part
from edge.embedded.part import EXECUTABLE
from tests.bundle.test_compose import flip
from tests.programs import make_small_program

Edge = Callable[..., Any]


def test_a_line_for_every_check(edge: Edge, ready: Path) -> None:
    result = edge("doctor")
    assert result.code == 0
    assert "ok    sqlite     SQLite " in result.out
    assert "warn  pack       pumps 1.2, UNSIGNED, 2 documents, installed today" in result.out


def test_json(edge: Edge, ready: Path) -> None:
    checks = json.loads(edge("doctor", "--json").out)["checks"]
    assert {check["name"] for check in checks} >= {
        "python", "processor", "memory", "home", "sqlite", "embedder", "pack", "model",
    }  # fmt: skip
    assert {check["status"] for check in checks} <= {"ok", "warn"}


def test_exit_code_1_when_something_is_wrong(edge: Edge, home: Path, kpack: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    (file,) = home.rglob("*.kpack")
    file.write_bytes(b"nothing")
    result = edge("doctor")
    assert result.code == 1
    assert "\nfail  pack       pumps: " in result.out


def test_the_machine_the_packs_and_an_answer_are_checked(edge: Edge, ready: Path) -> None:
    result = edge("self-test", "--json")
    checks = {check["name"]: check for check in json.loads(result.out)["checks"]}
    assert result.code == 0
    assert checks["sqlite"]["status"] == "ok"
    assert checks["answer"]["detail"].startswith("pumps: ")


def test_without_a_pack_nothing_can_be_answered(
    edge: Edge, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    result = edge("self-test")
    assert result.code == 0
    assert "none is installed" in result.out


@pytest.fixture
def program(kpack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with the pumps inside, as if it were the one that runs."""
    bundle = make_small_program(tmp_path)
    monkeypatch.setenv(EXECUTABLE, str(bundle.path))
    return add_part(bundle, admit(kpack), bundle.path).path


def test_every_part_of_a_program_is_checked(edge: Edge, home: Path, program: Path) -> None:
    result = edge("self-test", "--json")
    checks = [(c["name"], c["status"], c["detail"]) for c in json.loads(result.out)["checks"]]
    assert result.code == 0
    assert [detail.partition(",")[0] for name, _, detail in checks if name == "inside"] == [
        "program",
        "launcher",
        "pack pumps.kpack",
    ]
    assert [status for name, status, _ in checks if name == "answer"] == ["ok"]
    assert "inside the program" in next(detail for name, _, detail in checks if name == "pack")


def test_what_is_damaged_is_named(edge: Edge, home: Path, program: Path) -> None:
    flip(program, program.read_bytes().index(b"25 Nm"))
    result = edge("self-test", "--json")
    failed = {c["name"]: c["detail"] for c in json.loads(result.out)["checks"] if c["status"] == "fail"}
    assert result.code == 1
    assert failed["inside"].startswith("pack pumps.kpack, ")
    assert failed["pack"] == "pumps: pumps.kpack inside edge is damaged."
    assert "pumps.kpack inside edge is damaged." in failed["answer"]
    with program.open("r+b") as file:
        file.truncate(program.stat().st_size - 1)
    failed = {
        c["name"] for c in json.loads(edge("self-test", "--json").out)["checks"] if c["status"] == "fail"
    }
    assert {"program", "pack", "model", "answer"} <= failed
