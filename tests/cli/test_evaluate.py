from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edge = Callable[..., Any]
QUESTIONS = [
    {
        "id": "torque",
        "question": "What torque do the housing bolts need?",
        "answerable": True,
        "gold": [{"document": "px-200.md", "heading": "Torque"}],
        "contains": ["25 Nm"],
    },
    {
        "id": "misplaced",
        "question": "What does E-207 mean?",
        "answerable": True,
        "gold": [{"document": "px-200.md", "heading": "No such heading"}],
        "contains": [],
    },
    {
        "id": "football",
        "question": "Who won the football world cup in 1974?",
        "answerable": False,
        "gold": [],
        "contains": [],
    },
]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, QUESTIONS)))
    return path


def test_figures(edge: Edge, ready: Path, questions: Path) -> None:
    figures = json.loads(edge("eval", str(questions), "--json").out)
    assert (figures["questions"], figures["answerable"]) == (3, 2)
    assert figures["hit_1"] == figures["hit_5"] == 0.5
    assert figures["refusal_recall"] == 1.0


def test_figures_as_a_table(edge: Edge, ready: Path, questions: Path) -> None:
    out = edge("eval", str(questions), "--pack", "pumps").out
    assert out.startswith("3 questions, 2 of them answerable\n")
    assert "\nright passage first" in out
    assert " 50.0 %" in out


def test_misses_are_listed(edge: Edge, ready: Path, questions: Path) -> None:
    out = edge("eval", str(questions), "--misses").out
    assert "1 missed\n" in out
    assert "What does E-207 mean?  misplaced" in out
    (miss,) = json.loads(edge("eval", str(questions), "--misses", "--json").out)["misses"]
    assert (miss["id"], miss["fault"]) == ("misplaced", "not found")


def test_a_set_that_is_not_one_is_an_error(edge: Edge, ready: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n")
    assert edge("eval", str(tmp_path / "bad.jsonl")).code == 2
    assert edge("eval", str(tmp_path / "none.jsonl")).code == 3
