from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edge = Callable[..., Any]


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


def test_licences_are_those_of_a_one_file_program(edge: Edge) -> None:
    result = edge("licenses")
    assert result.code == 3
    assert "pip show" in result.err
