from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import needs
from fetch import SetupError

PYTHON = Path(sys.executable).resolve()


def test_programs_and_libraries_are_told_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "library.so").write_bytes(b"no library")
    shutil.copy(PYTHON, tmp_path / "python")
    assert needs.find_elf_files(tmp_path) == [tmp_path / "python"]


def test_the_newest_version_counts() -> None:
    found = needs.read_needs([PYTHON])[PYTHON]
    assert (2, 14) <= found["GLIBC"] < (3,)
    assert needs.find_newest("GLIBC", [PYTHON]) == ".".join(map(str, found["GLIBC"]))


def test_what_a_library_defines_it_does_not_need() -> None:
    library = next(
        path for folder in ("lib", "lib64", "usr/lib64") for path in Path("/", folder).rglob("libstdc++.so.6")
    )
    assert set(needs.read_needs([library])[library]) <= {"GLIBC", "GCC"}


def test_nothing_needs_nothing() -> None:
    assert needs.find_newest("GLIBC", []) == ""


def test_what_needs_too_new_a_system_is_named(tmp_path: Path) -> None:
    shutil.copy(PYTHON, tmp_path / "python")
    needs.check(tmp_path, {"GLIBC": (9,)})
    with pytest.raises(SetupError, match=r"Debian 11:\npython needs GLIBC 2\.\d+"):
        needs.check(tmp_path, {"GLIBC": (2, 1)})
