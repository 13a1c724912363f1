from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import StorageError
from edge.sync.timer import install_timer


def read_units(
    tmp_path: Path, home: str = "home"
) -> tuple[configparser.ConfigParser, configparser.ConfigParser, list[Path]]:
    paths = install_timer(Settings(home=tmp_path / home), {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    parsed = []
    for path in paths:
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read(path)
        parsed.append(parser)
    return parsed[0], parsed[1], list(paths)


def test_it_syncs_this_home_each_week(tmp_path: Path) -> None:
    service, timer, paths = read_units(tmp_path)
    folder = tmp_path / "config" / "systemd" / "user"
    assert paths == [folder / "edge-sync.service", folder / "edge-sync.timer"]
    assert service["Service"]["Environment"] == f'"EDGE_HOME={tmp_path / "home"}"'
    assert service["Service"]["ExecStart"].endswith(" sync")
    assert timer["Timer"]["OnCalendar"] == "weekly"
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_a_strange_home_is_quoted(tmp_path: Path) -> None:
    service, _, _ = read_units(tmp_path, 'my "home" 100%')
    assert service["Service"]["Environment"] == f'"EDGE_HOME={tmp_path}/my \\"home\\" 100%%"'


def test_writing_it_again_changes_nothing(tmp_path: Path) -> None:
    _, _, paths = read_units(tmp_path)
    before = [path.read_bytes() for path in paths]
    read_units(tmp_path)
    assert [path.read_bytes() for path in paths] == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"")
    with pytest.raises(StorageError):
        read_units(tmp_path)


def test_the_one_file_program_is_started_as_what_it_was_copied_as(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "EDGE_EXECUTABLE": "/media/usb stick/edge"}
    service, _ = install_timer(Settings(home=tmp_path / "home"), environ)
    assert 'ExecStart="/media/usb stick/edge" sync\n' in service.read_text()
