from __future__ import annotations

import io
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest

import debian
import needs
import sysroot
from fetch import SetupError, make_cache_folder

SOURCE = (
    "#include <iostream>\n#include <thread>\nint main() { std::thread([] { std::cout << 42; }).join(); }\n"
)
X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the root is of x86-64")


def package(file: Path, names: dict[str, str]) -> Path:
    """Return a Debian package with links by name, or files where a name is linked to nothing."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, target in names.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = (tarfile.SYMTYPE, target) if target else (tarfile.REGTYPE, "")
            archive.addfile(member, None if target else io.BytesIO())
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    with file.open("wb") as out:
        out.write(b"!<arch>\n")
        for name, content in members.items():
            out.write(f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
            out.write(content + b"\n" * (len(content) % 2))
    return file


def compiler(folder: Path, version: str, vendor: str = "Free Software Foundation") -> list[str]:
    """Return a program that says it is a compiler of this version."""
    script = folder / "compiler"
    about = f"gcc {version}\nCopyright {vendor}"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{about}" || echo {version}\n')
    script.chmod(0o755)
    return [str(script)]


class TestPackages:
    def test_absolute_links_stay_inside(self, tmp_path: Path) -> None:
        file = package(tmp_path / "p.deb", {"./lib/libm.so.6": "", "./usr/lib/libm.so": "/lib/libm.so.6"})
        sysroot.unpack_package(file, tmp_path / "root")
        assert os.readlink(tmp_path / "root/usr/lib/libm.so") == "../../lib/libm.so.6"
        assert (tmp_path / "root/usr/lib/libm.so").exists()

    def test_something_else_is_said_so(self, tmp_path: Path) -> None:
        (tmp_path / "p.deb").write_bytes(b"!<arch>\n")
        with pytest.raises(SetupError, match="Delete the folder downloads"):
            sysroot.unpack_package(tmp_path / "p.deb", tmp_path / "root")


class TestCompiler:
    def test_a_new_gcc_will_do(self, tmp_path: Path) -> None:
        sysroot.check_version(compiler(tmp_path, "13.2.0"))

    def test_an_old_one_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SetupError, match="not GCC 11 or later"):
            sysroot.check_version(compiler(tmp_path, "10"))

    def test_another_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SetupError, match="CC=gcc-12"):
            sysroot.check_version(compiler(tmp_path, "19.1.0", "nobody"))

    def test_none_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CC", raising=False)
        with pytest.raises(SetupError, match=r"apt-get install g\+\+ make"):
            sysroot.make_toolchain()


class TestEnvironment:
    def test_nothing_of_the_callers_gets_into_the_output(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in ("CFLAGS", "LD_LIBRARY_PATH", "PYTHONPATH", "CPATH"):
            monkeypatch.setenv(name, "/somewhere")
        found = sysroot.Toolchain("key", tmp_path).make_environment()
        assert "/somewhere" not in found.values()
        assert found["PATH"].startswith(str(tmp_path / "commands"))
        assert (found["CC"], found["CXX"], found["SOURCE_DATE_EPOCH"]) == ("cc", "c++", "315532800")

    def test_without_a_root_the_compiler_is_this_machines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CC", "gcc -pipe")
        assert sysroot.Toolchain("key").make_environment()["CC"].endswith("gcc -pipe")


@X86
class TestRoot:
    """The root that `make binary` made."""

    @pytest.fixture
    def tools(self) -> sysroot.Toolchain:
        files = [make_cache_folder() / "downloads" / pin.name for pin in debian.find_pins("*.deb")]
        if not all(file.exists() for file in files):
            pytest.skip("there is no root yet: `make binary` makes it")
        return sysroot.make_toolchain()

    def test_what_is_compiled_runs_with_an_old_system(self, tools: sysroot.Toolchain, tmp_path: Path) -> None:
        (tmp_path / "a.cpp").write_text(SOURCE)
        command = ["c++", "-O2", "-pthread", "a.cpp", "-o", "a"]
        subprocess.run(command, cwd=tmp_path, env=tools.make_environment(), check=True)
        needs.check(tmp_path)
        assert subprocess.run([tmp_path / "a"], capture_output=True, check=True).stdout == b"42"

    def test_the_root_appears_nowhere_in_it(self, tools: sysroot.Toolchain, tmp_path: Path) -> None:
        (tmp_path / "a.cpp").write_text(SOURCE)
        subprocess.run(
            ["c++", "-g", "-pthread", "a.cpp", "-o", "a"],
            cwd=tmp_path,
            env=tools.make_environment(),
            check=True,
        )
        assert bytes(tools.root or Path()) not in (tmp_path / "a").read_bytes()

    def test_it_brings_the_libraries_that_the_program_carries(self, tools: sysroot.Toolchain) -> None:
        assert tools.runtime is not None
        needs.check(tools.runtime)
        assert {path.name for path in needs.find_elf_files(tools.runtime)} == set(sysroot.RUNTIME)
