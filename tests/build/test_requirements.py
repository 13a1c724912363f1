"""The pins say what the project says, with hashes, and nothing about where or by whom they were made."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "build").glob("requirements*.txt"))


def pins(name: str) -> set[str]:
    """Return the ``name==version`` of every requirement, with its marker."""
    lines = (ROOT / "build" / name).read_text().splitlines()
    return {line.rstrip(" \\") for line in lines if "==" in line and not line.startswith(" ")}


def names(requirements: set[str] | list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
class TestEveryFile:
    def test_names_no_address_and_no_folder(self, file: Path) -> None:
        assert not re.search(r"://|--index|--find-links|--trusted|(^|\s)/|~/", file.read_text())

    def test_has_a_hash_for_every_requirement(self, file: Path) -> None:
        for requirement in re.split(r"\n(?=[a-z])", file.read_text()):
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement[:60]


def test_the_development_pins_contain_the_run_time_pins() -> None:
    assert pins("requirements.txt") < pins("requirements-dev.txt")


def test_the_program_is_made_of_what_is_developed_with() -> None:
    assert pins("requirements.txt") < pins("requirements-binary.txt") < pins("requirements-dev.txt")


def test_everything_the_project_declares_is_pinned() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = names(pins("requirements.txt") | pins("requirements-llama.txt"))
    assert names(declared) <= pinned


def test_torch_is_in_none_of_them() -> None:
    assert not any("torch" in names(pins(file.name)) for file in FILES)
