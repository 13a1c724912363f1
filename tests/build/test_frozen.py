from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import binary
from fetch import SetupError
from frozen import Parts, put_in_order
from sysroot import Toolchain


def test_the_programs_python_finds_the_libraries_that_the_program_carries(tmp_path: Path) -> None:
    variables = Parts(Toolchain("key", tmp_path), tmp_path, tmp_path).make_variables()
    assert variables["LD_LIBRARY_PATH"] == str(tmp_path / "runtime")
    assert variables["EDGE_SYSROOT"] == str(tmp_path)


def test_elsewhere_it_finds_this_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    assert "LD_LIBRARY_PATH" not in Parts(Toolchain("key"), tmp_path, tmp_path).make_variables()


def test_two_zips_of_the_same_modules_are_the_same_bytes(tmp_path: Path) -> None:
    for file, names in (("here", ("os.pyc", "abc.pyc")), ("there", ("abc.pyc", "os.pyc"))):
        with zipfile.ZipFile(tmp_path / file, "w") as archive:
            for name in names:
                archive.writestr(name, f"code of {name}")
        put_in_order(tmp_path / file)
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()
    with zipfile.ZipFile(tmp_path / "here") as archive:
        assert archive.read("os.pyc") == b"code of os.pyc"


def test_the_names_of_packs_may_hold_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKS", "'my pumps.kpack' valves.kpack")
    assert binary.choose_packs() == [Path("my pumps.kpack"), Path("valves.kpack")]


def test_no_packs_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PACKS", raising=False)
    assert binary.choose_packs() == []


def test_a_quote_that_is_not_closed_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACKS", "'my pumps.kpack")
    with pytest.raises(SetupError, match="PACKS cannot be read"):
        binary.choose_packs()
