"""The Debian package, as dpkg-deb and systemd read it. tests/binary/test_fleet.py installs it."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fetch import SetupError
from fleet import deb
from fleet.manual import write_manual
from fleet.package import Entry, write

TIME = 1_700_000_000
FIELDS = {
    "Package": "pumps",
    "Version": "1-1",
    "Architecture": "all",
    "Maintainer": "a <a@b>",
    "Description": "p",
}

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not here")
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is packed in the place of dist/edge: another program of this machine."""
    path = tmp_path / "dist" / "edge"
    path.parent.mkdir()
    shutil.copyfile(sys.executable, path)
    monkeypatch.setattr(deb, "PROGRAM", path)
    return path


@pytest.fixture
def package(program: Path, tmp_path: Path) -> Path:
    path = tmp_path / "edge.deb"
    fields = deb.make_fields("0.1-1", deb.name_architecture(program))
    write(path, fields, deb.make_scripts(), [*deb.list_entries("0.1-1", TIME)], TIME)
    return path


@pytest.fixture
def machine(package: Path, tmp_path: Path) -> Path:
    """Where it was unpacked."""
    output("dpkg-deb", "-x", package, tmp_path / "machine")
    return tmp_path / "machine"


@needs_dpkg
class TestAPackage:
    def test_holds_files_of_root_that_dpkg_can_check(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(b"x" * 100_001)
        entries = [Entry("/usr/bin/pumps", tmp_path / "large", 0o755), Entry("/etc/pumps", b"on\n", 0o600)]
        write(tmp_path / "p.deb", FIELDS, {"postinst": "#!/bin/sh\n"}, entries, TIME)
        assert output("dpkg-deb", "--field", tmp_path / "p.deb", "Package", "Installed-Size").split() == [
            "Package:", "pumps", "Installed-Size:", "99",
        ]  # fmt: skip
        listed = {
            line.split()[-1]: line for line in output("dpkg-deb", "-c", tmp_path / "p.deb").splitlines()
        }
        assert listed["./usr/bin/pumps"].startswith("-rwxr-xr-x root/root    100001")
        assert listed["./etc/pumps"].startswith("-rw------- root/root")
        output("dpkg-deb", "--raw-extract", tmp_path / "p.deb", tmp_path / "raw")
        assert (tmp_path / "raw" / "DEBIAN" / "conffiles").read_text() == "/etc/pumps\n"
        subprocess.run(["md5sum", "--check", "DEBIAN/md5sums"], cwd=tmp_path / "raw", check=True)
        assert os.access(tmp_path / "raw" / "DEBIAN" / "postinst", os.X_OK)

    def test_is_the_same_whoever_makes_it_and_when(self, tmp_path: Path) -> None:
        for name, mask in (("a", 0o022), ("b", 0o077)):
            before = os.umask(mask)
            (tmp_path / name).write_bytes(b"x")
            os.utime(tmp_path / name, (mask, mask))
            write(tmp_path / f"{name}.deb", FIELDS, {}, [Entry("/x", tmp_path / name)], TIME)
            os.umask(before)
        assert (tmp_path / "a.deb").read_bytes() == (tmp_path / "b.deb").read_bytes()

    def test_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "p.deb", FIELDS, {}, [Entry("/x", tmp_path / "gone")], TIME)
        assert not (tmp_path / "p.deb").exists()


@needs_dpkg
class TestEdgesPackage:
    def test_holds_the_program_as_it_is(self, program: Path, machine: Path) -> None:
        assert (machine / "usr/bin/edge").read_bytes() == program.read_bytes()
        assert os.access(machine / "usr/bin/edge", os.X_OK)

    def test_names_nothing_of_the_machine_it_was_made_on(self, machine: Path) -> None:
        here = str(deb.ROOT).encode()
        texts = [path for path in machine.rglob("*") if path.is_file() and path.name != "edge"]
        assert len(texts) > 15
        for path in texts:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            assert here not in data, path

    def test_is_for_the_machine_the_program_is_for(self, program: Path) -> None:
        assert deb.name_architecture(program) == output("dpkg", "--print-architecture").strip()
        program.write_bytes(b"\x7fELF" + bytes(60))
        with pytest.raises(SetupError, match="no name"):
            deb.name_architecture(program)

    def test_settings_that_may_hold_a_token_are_roots(self, machine: Path) -> None:
        assert (machine / "etc/default/edge").stat().st_mode & 0o777 == 0o600


@needs_dpkg
@needs_systemd
class TestTheService:
    def test_is_understood_by_systemd(self, machine: Path) -> None:
        units = sorted(
            path.name for path in (machine / "lib/systemd/system").glob("edge*.*") if path.is_file()
        )
        assert len(units) == 5
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", f"--root={machine}", *units],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        # Its own units are elsewhere.
        assert [line for line in done.stderr.splitlines() if "not found" not in line] == []

    @pytest.mark.parametrize(("service", "most"), [("edge", 7), ("edge-sync", 16)])
    def test_may_do_little(self, machine: Path, service: str, most: int) -> None:
        """Exposure of 0.7 and 1.6 of 10 at most; an ordinary service has 9.6."""
        command = [
            "systemd-analyze",
            "security",
            "--offline=true",
            f"--threshold={most}",
            f"--root={machine}",
        ]
        done = subprocess.run([*command, f"{service}.service"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout.splitlines()[-1]

    def test_has_no_network(self, machine: Path) -> None:
        unit = (machine / "lib/systemd/system/edge.service").read_text().splitlines()
        assert {"PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= set(unit)

    def test_examples_come_after_what_they_loosen(self, machine: Path) -> None:
        """Drop-ins of all folders are read in the order of their names."""
        names = [path.name for path in (machine / "usr/share/doc/edge-assistant/examples").iterdir()]
        assert names
        assert all(name > "00-hardening.conf" for name in names)


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm", "edge-service"])
def test_scripts_are_what_a_posix_shell_reads(name: str) -> None:
    subprocess.run(["sh", "-n", deb.FOLDER / "debian" / name], check=True)


@pytest.mark.skipif(not shutil.which("man"), reason="man is not here")
def test_the_manual_page_shows_every_command(tmp_path: Path) -> None:
    (tmp_path / "edge.1").write_text(write_manual())
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["man", "--warnings", "-l", tmp_path / "edge.1"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "edge pack install [OPTIONS] {FILE}" in done.stdout
    assert "--unsigned" in done.stdout
    assert 'edge ask "How do I vent the pump?"' in done.stdout
