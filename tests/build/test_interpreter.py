from __future__ import annotations

import json
import runpy
import subprocess
import tarfile
from pathlib import Path

import pytest

import interpreter
from fetch import PIN_FOLDER, SetupError, make_cache_folder

HOOK = PIN_FOLDER / "hooks" / "certificates.py"


def test_only_fixes_are_applied_of_what_debian_changes(tmp_path: Path) -> None:
    (tmp_path / "series").write_text("layout.diff\nCVE-2.patch\n#CVE-0.diff\nCVE-1.patch\n")
    assert [fix.name for fix in interpreter.choose_fixes(tmp_path)] == ["CVE-2.patch", "CVE-1.patch"]


def test_a_source_is_unpacked_under_a_name_of_ours(tmp_path: Path) -> None:
    (tmp_path / "pump-1.0").mkdir()
    (tmp_path / "pump-1.0" / "configure").touch()
    with tarfile.open(tmp_path / "pump.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "pump-1.0", "pump-1.0")
    interpreter.unpack(tmp_path / "pump.tar.gz", tmp_path / "pump")
    assert (tmp_path / "pump" / "configure").exists()


class TestFolder:
    SCRATCH = Path("/somewhere/build-1x2y")

    def test_it_is_taken_out_of_notes(self, tmp_path: Path) -> None:
        (tmp_path / "notes.py").write_text(f"source = '{self.SCRATCH}/python'\n")
        interpreter.forget_folder(tmp_path, self.SCRATCH)
        assert (tmp_path / "notes.py").read_text() == "source = '/build/python'\n"

    def test_what_was_compiled_of_notes_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / "notes.pyc").write_bytes(bytes(self.SCRATCH))
        (tmp_path / "other.pyc").write_bytes(b"")
        interpreter.forget_folder(tmp_path, self.SCRATCH)
        assert [path.name for path in tmp_path.iterdir()] == ["other.pyc"]

    def test_in_a_library_it_is_a_fault(self, tmp_path: Path) -> None:
        (tmp_path / "libpump.so").write_bytes(b"\x7fELF" + bytes(self.SCRATCH))
        with pytest.raises(SetupError, match=r"libpump\.so contains"):
            interpreter.forget_folder(tmp_path, self.SCRATCH)


class TestBuild:
    def test_commands_run_in_the_source_with_its_flags(self, tmp_path: Path) -> None:
        (tmp_path / "pump").mkdir()
        build = interpreter.Build(tmp_path, {"PATH": "/usr/bin:/bin"})
        build.run("pump", "sh", "-c", 'echo "$CFLAGS $MORE" > flags', MORE="more")
        assert (tmp_path / "pump" / "flags").read_text() == f"{interpreter.VARIABLES['CFLAGS']} more\n"

    def test_a_failure_tells_the_end_of_the_output(self, tmp_path: Path) -> None:
        (tmp_path / "pump").mkdir()
        build = interpreter.Build(tmp_path, {"PATH": "/usr/bin:/bin"})
        with pytest.raises(SetupError, match=r"no valve\nbuilding pump failed"):
            build.run("pump", "sh", "-c", "echo no valve >&2; exit 1")

    def test_a_program_that_is_not_installed_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "pump").mkdir()
        with pytest.raises(SetupError, match="no-such-program is not installed"):
            interpreter.Build(tmp_path, {"PATH": "/usr/bin:/bin"}).run("pump", "no-such-program")


class TestCertificates:
    """The hook that runs before edge."""

    def find(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("SSL_CERT_FILE", "kept")
        return str(runpy.run_path(str(HOOK))["find"](str(root)))

    def bundle(self, root: Path, path: str) -> Path:
        file = root / path
        file.parent.mkdir(parents=True)
        file.touch()
        return file

    def test_openssl_finds_those_of_debian_itself(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.bundle(tmp_path, "etc/ssl/certs/ca-certificates.crt")
        self.bundle(tmp_path, "etc/pki/tls/certs/ca-bundle.crt")
        assert self.find(tmp_path, monkeypatch) == ""

    def test_those_of_fedora_are_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = self.bundle(tmp_path, "etc/pki/tls/certs/ca-bundle.crt")
        assert self.find(tmp_path, monkeypatch) == str(file)

    def test_there_may_be_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.find(tmp_path, monkeypatch) == ""


class TestBuilt:
    """The one that `make binary` made."""

    @pytest.fixture
    def python(self) -> Path:
        found = sorted(make_cache_folder().glob("python-3.13.5-*"), key=lambda path: path.stat().st_mtime)
        if not found:
            pytest.skip("there is no Python yet: `make binary` makes it")
        return interpreter.find_python(found[-1])

    def test_it_has_what_edge_imports_and_no_more(self, python: Path) -> None:
        code = "import ctypes, hashlib, json, ssl, sys, zlib; print(json.dumps([ssl.OPENSSL_VERSION, sys.prefix]))"
        done = subprocess.run([python, "-c", code], env={}, capture_output=True, text=True, check=True)
        version, prefix = json.loads(done.stdout)
        assert version.startswith("OpenSSL 3.5.7 ")
        assert Path(prefix) == python.parents[1]
        assert subprocess.run([python, "-c", "import sqlite3"], capture_output=True, check=False).returncode

    def test_pip_is_told_which_wheels_run_on_an_old_system(self, python: Path) -> None:
        asked = "[minor for minor in (17, 28, 31, 32, 34) if manylinux_compatible(2, minor, 'x86_64')]"
        code = f"from _manylinux import manylinux_compatible; print({asked})"
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == [17, 28, 31]
