from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import NotFoundError, UsageError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.swarm import SwarmCarrier
from edge.sync.sources import find_usb_folders, make_carriers


def repository(folder: Path) -> Path:
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "timestamp.json").touch()
    return folder


def configured(tmp_path: Path, sources: str = "") -> Settings:
    return Settings(home=tmp_path / "home", sources=sources)


def test_an_address_and_a_folder_are_sources(tmp_path: Path) -> None:
    https, folder = make_carriers(configured(tmp_path), ["https://mirror.example/edge", str(tmp_path)])
    assert isinstance(https, HttpsCarrier)
    assert isinstance(folder, FolderCarrier)
    assert (https.name, folder.name) == ("https://mirror.example/edge", str(tmp_path))
    assert (https.removable, folder.removable) == (False, True)


def test_without_a_word_the_configured_ones_are_tried(tmp_path: Path) -> None:
    settings = configured(tmp_path, f" https://a.example , {tmp_path},,")
    assert [source.name for source in make_carriers(settings)] == ["https://a.example", str(tmp_path)]
    assert [source.name for source in make_carriers(settings, ["https://b.example"])] == ["https://b.example"]


def test_no_source_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No source") as error:
        make_carriers(configured(tmp_path))
    assert "--usb" in error.value.hint


@pytest.mark.parametrize("word", ["no/such/folder", "ftp://mirror.example", "mirror.example"])
def test_what_is_neither_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(UsageError):
        make_carriers(configured(tmp_path), [word])


@pytest.mark.parametrize("place", [".", "STICK", "anna/STICK", "anna/STICK/edge"])
def test_sticks_are_found_where_they_are_mounted(tmp_path: Path, place: str) -> None:
    media, mnt = tmp_path / "media", tmp_path / "mnt"
    stick = repository(media / place)
    (mnt / "other").mkdir(parents=True)
    assert find_usb_folders([tmp_path / "none", media, mnt]) == [stick]


def test_deeper_is_not_looked(tmp_path: Path) -> None:
    repository(tmp_path / "media/anna/STICK/a/b")
    assert find_usb_folders([tmp_path / "media"]) == []


def test_sticks_come_before_what_is_named(tmp_path: Path) -> None:
    stick = repository(tmp_path / "media/STICK")
    settings = configured(tmp_path, "https://a.example")
    mounts = [tmp_path / "media"]
    assert [s.name for s in make_carriers(settings, usb=True, mounts=mounts)] == [str(stick)]
    found = make_carriers(settings, ["https://b.example"], usb=True, mounts=mounts)
    assert [s.name for s in found] == [str(stick), "https://b.example"]


def test_a_schedule_takes_a_stick_if_there_is_one(tmp_path: Path) -> None:
    settings = configured(tmp_path, "usb, https://a.example")
    assert [s.name for s in make_carriers(settings, mounts=[tmp_path / "media"])] == ["https://a.example"]
    stick = repository(tmp_path / "media/STICK")
    assert [s.name for s in make_carriers(settings, mounts=[tmp_path / "media"])] == [
        str(stick),
        "https://a.example",
    ]


def test_no_stick_is_an_error_when_one_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"No stick .* under {tmp_path}") as error:
        make_carriers(configured(tmp_path), usb=True, mounts=[tmp_path])
    assert "edge sync /path" in error.value.hint


def test_the_swarm_has_the_source_after_it_behind_it(tmp_path: Path) -> None:
    settings = configured(tmp_path, f"swarm, https://a.example, {tmp_path}")
    swarm, https, _ = make_carriers(settings)
    assert isinstance(swarm, SwarmCarrier)
    assert swarm.name == "swarm, https://a.example"
    assert https.name == "https://a.example"


def test_a_swarm_with_nothing_behind_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it needs a source behind it"):
        make_carriers(configured(tmp_path), ["swarm"])
