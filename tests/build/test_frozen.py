from __future__ import annotations

from pathlib import Path

import pytest

import binary
from fetch import SetupError
from frozen import Parts
from sysroot import Toolchain


def test_the_programs_python_finds_the_libraries_that_the_program_carries(tmp_path: Path) -> None:
    variables = Parts(Toolchain("key", tmp_path), tmp_path, tmp_path).variables()
    assert variables["LD_LIBRARY_PATH"] == str(tmp_path / "runtime")
    assert variables["EDGE_SYSROOT"] == str(tmp_path)


def test_elsewhere_it_finds_this_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    assert "LD_LIBRARY_PATH" not in Parts(Toolchain("key"), tmp_path, tmp_path).variables()


def test_the_names_of_packs_may_hold_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKS", "'my pumps.kpack' valves.kpack")
    assert binary.packs() == [Path("my pumps.kpack"), Path("valves.kpack")]


def test_no_packs_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PACKS", raising=False)
    assert binary.packs() == []


def test_a_quote_that_is_not_closed_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKS", "'my pumps.kpack")
    with pytest.raises(SetupError, match="PACKS cannot be read"):
        binary.packs()
