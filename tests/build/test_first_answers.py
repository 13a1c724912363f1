from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import first_answers
from fetch import SetupError
from pack_cache import STARTER

ROOT = Path(first_answers.__file__).parents[1]


def test_they_come_without_llama_cpp(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('not compiled yet')")
    source = tmp_path / "starter"
    source.mkdir()
    for name in (
        "pack.toml",
        "fasteners-and-torque.md",
        "lock-out-tag-out.md",
        "motor-protection-and-overloads.md",
    ):
        shutil.copy(STARTER / name, source)
    program = f"import first_answers, pathlib; first_answers.answer_by_keyword(pathlib.Path({str(source)!r}))"
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "build")])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "a dry M12 bolt of class 8.8 about 88 Nm" in " ".join(done.stdout.split())
    assert "Put your own lock and your own tag on each isolating point" in done.stdout
    assert "Not in the installed packs" in done.stdout


def test_a_language_model_that_is_not_there_is_missed_before_anything_is_compiled(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no file .*missing\.gguf"):
        first_answers.check_model(str(tmp_path / "missing.gguf"))


class TestMake:
    def planned(self, venv: Path) -> list[str]:
        make = ["make", "--dry-run", "--no-print-directory", f"VENV={venv}", "demo"]
        return subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()

    def test_answers_first_and_compiles_then(self, tmp_path: Path) -> None:
        lines = self.planned(tmp_path / "venv")
        answers = next(n for n, line in enumerate(lines) if "first_answers.py" in line)
        compiles = next(n for n, line in enumerate(lines) if "llama_wheel.py" in line)
        assert answers < compiles
        assert not any("requirements-dev" in line for line in lines[:answers])

    def test_goes_straight_to_the_whole_when_all_is_there(self, tmp_path: Path) -> None:
        (tmp_path / ".llama").touch()
        assert not any("first_answers.py" in line for line in self.planned(tmp_path))
