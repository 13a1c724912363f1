"""The folder for a stick. tests/binary/test_fleet.py uses one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fetch import SetupError
from fleet import usb
from tests.conftest import BuildPack

TINY_MODEL = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
PROGRAM = Path(sys.executable)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """What lies in the place of dist/edge, with its bill of materials."""
    path = tmp_path / "dist" / "edge"
    path.parent.mkdir()
    path.write_bytes(PROGRAM.read_bytes())
    path.with_name("edge.cdx.json").write_text("{}")
    return path


def test_everything_lies_beside_each_other(program: Path, build_pack: BuildPack, tmp_path: Path) -> None:
    stick = tmp_path / "a stick"
    usb.lay_out(stick, program, [build_pack().rename(tmp_path / "as it came.bin"), TINY_MODEL])
    assert sorted(path.name for path in stick.iterdir()) == [
        "README.txt", "SHA256SUMS", "edge", "edge-data", "edge.cdx.json", "edge.sh", "pumps.kpack", "tiny.gguf",
    ]  # fmt: skip
    assert os.access(stick / "edge", os.X_OK)
    assert os.access(stick / "edge.sh", os.X_OK)


def test_every_file_can_be_checked(program: Path, tmp_path: Path) -> None:
    usb.lay_out(tmp_path / "stick", program, [TINY_MODEL])
    check = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path / "stick", check=False).returncode == 0
    named = {line.split("  ")[1] for line in (tmp_path / "stick" / "SHA256SUMS").read_text().splitlines()}
    assert named == {path.name for path in (tmp_path / "stick").iterdir()} - {"SHA256SUMS", "edge-data"}


def test_again_it_leaves_what_edge_keeps_there(program: Path, tmp_path: Path) -> None:
    usb.lay_out(tmp_path, program, [])
    (tmp_path / "edge-data" / "config.toml").write_text("")
    usb.lay_out(tmp_path, program, [])
    assert (tmp_path / "edge-data" / "config.toml").exists()
    assert not list(tmp_path.rglob("*.partial"))


def test_what_is_neither_pack_nor_model_is_refused(program: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(SetupError, match=r"notes\.txt"):
        usb.lay_out(tmp_path / "stick", program, [tmp_path / "notes.txt"])
    assert not (tmp_path / "stick").exists()


def test_files_that_fat32_does_not_take_are_named(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb, "FAT32_MOST", TINY_MODEL.stat().st_size - 1)
    program.write_bytes(b"small")
    usb.lay_out(tmp_path / "stick", program, [TINY_MODEL])
    assert "tiny.gguf: above 4 GB" in capsys.readouterr().err


def test_a_stick_that_is_full_is_told(program: Path) -> None:
    with pytest.raises(SetupError, match="does not take the files"):
        usb.lay_out(Path("/proc/stick"), program, [])


def test_the_readme_fits_a_screen() -> None:
    lines = (usb.STICK / "README.txt").read_text().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120


def test_a_stick_that_knows_no_modes_takes_it(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)  # as Linux does on FAT and exFAT
    usb.lay_out(tmp_path / "stick", program, [TINY_MODEL])
    assert (tmp_path / "stick" / "edge").read_bytes() == program.read_bytes()
