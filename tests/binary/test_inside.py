"""A model and a pack inside the program are used where they are: nothing is installed, nothing is copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.bundle import open_bundle
from tests.binary.conftest import TINY_MODEL, Run
from tests.binary.test_program import QUESTION
from tests.bundle.test_compose import flip

RunJson = Callable[..., Any]


@pytest.fixture
def full(run: Run, starter: Path, program: Path, tmp_path: Path) -> Path:
    """The program with the tiny model and the starter pack inside, put there by itself."""
    path = Path(shutil.copy(program, tmp_path / "edge"))
    run("bundle", "add", str(TINY_MODEL), program=path)
    run("bundle", "add", str(starter), program=path)
    return path


def test_it_answers_out_of_itself(run: Run, run_json: RunJson, full: Path, tmp_path: Path) -> None:
    parts = run_json("bundle", "list", program=full)["parts"]
    assert [part["name"] for part in parts] == ["edge", "launcher", TINY_MODEL.name, "starter.kpack"]
    answer = run_json("ask", QUESTION, "--engine", "llama", program=full)
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"
    assert answer["citations"][0]["document"] == "fasteners-and-torque.md"
    assert not (tmp_path / "home" / "packs").exists()
    assert not (tmp_path / "home" / "models").exists()


def test_it_tests_itself(run_json: RunJson, full: Path) -> None:
    checks = run_json("self-test", program=full)["checks"]
    assert [check for check in checks if check["status"] == "fail"] == []
    assert {"inside", "unpacked", "answer", "writing"} <= {check["name"] for check in checks}


def test_a_changed_file_of_the_unpacked_program_is_found(run_json: RunJson, full: Path, cache: Path) -> None:
    bill = next(cache.glob("program-*/_internal/edge/licenses.txt"))
    text = bill.read_bytes()
    bill.write_bytes(text[:-1] + b"?")
    checks = {check["name"]: check for check in run_json("self-test", program=full, code=1)["checks"]}
    bill.write_bytes(text)
    assert "licenses.txt" in checks["unpacked"]["detail"]


def test_what_is_inside_is_verified_extracted_and_removed(run: Run, full: Path, tmp_path: Path) -> None:
    assert run("bundle", "verify", program=full).stdout.count("sound") == 4
    run("bundle", "extract", TINY_MODEL.name, program=full)
    assert (tmp_path / TINY_MODEL.name).read_bytes() == TINY_MODEL.read_bytes()
    run("bundle", "remove", TINY_MODEL.name, "-o", "smaller", program=full)
    assert [part.name for part in open_bundle(tmp_path / "smaller").contents] == ["starter.kpack"]


def test_damaged_parts_are_named(run: Run, full: Path) -> None:
    for name in (TINY_MODEL.name, "starter.kpack"):
        part = open_bundle(full).get_part(name)
        flip(full, part.offset + part.size // 2)
    verdict = run("bundle", "verify", program=full, code=8).stdout
    assert verdict.count("DAMAGED") == 2
    assert "sound   program\n" in verdict


def test_what_lies_beside_it_is_used_in_place(run_json: RunJson, starter: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    for path in (TINY_MODEL, starter):
        shutil.copy(path, stick)
    (stick / "half.kpack").write_bytes(starter.read_bytes()[:100_000])
    there = sorted(stick.iterdir())
    beside = {"EDGE_BESIDE": str(stick)}
    answer = run_json("ask", QUESTION, "--engine", "llama", **beside)
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"
    assert answer["citations"][0]["document"] == "fasteners-and-torque.md"
    listed = run_json("pack", "list", **beside)
    assert [(pack["name"], pack["place"], pack["signed"]) for pack in listed["packs"]] == [
        ("starter", "beside", False)
    ]
    assert [problem["name"] for problem in listed["problems"]] == ["half"]
    assert [model["place"] for model in run_json("model", "list", **beside)["models"]] == ["beside"]
    assert sorted(stick.iterdir()) == there
