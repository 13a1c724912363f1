"""Torrents of what is published, and of nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge.errors import NotFoundError, UsageError
from edge.publish.fleet import found_fleet, read_fleet_certificate
from edge.publish.swarm import make_torrents
from edge.sync.carriers.torrent import load_libtorrent, load_parameters, make_torrent_name
from tests.publish.conftest import Publisher

pytest.importorskip("libtorrent")


@pytest.fixture
def fleet(publisher: Publisher) -> Publisher:
    found_fleet(publisher.repository, publisher.open_keys())
    return publisher


def list_torrents(publisher: Publisher) -> set[str]:
    return {path.name for path in publisher.folder.rglob("*.torrent")}


def test_each_target_gets_one_that_devices_take(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    target = fleet.add(packs[0])[0].target
    assert make_torrents(fleet.repository) == (target.path,)
    data = (fleet.repository.store.metadata / make_torrent_name(target.file)).read_bytes()
    certificate = read_fleet_certificate(fleet.repository.store)
    assert load_parameters(data, target.file, target.length, certificate).ti.num_pieces() > 0


def test_what_is_there_is_left(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    fleet.add(packs[0])
    make_torrents(fleet.repository)
    assert make_torrents(fleet.repository) == ()


def test_the_same_file_has_the_same_torrent(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    target = fleet.add(packs[0])[0].target
    place = fleet.repository.store.metadata / make_torrent_name(target.file)
    make_torrents(fleet.repository)
    before = place.read_bytes()
    place.unlink()
    make_torrents(fleet.repository)
    assert place.read_bytes() == before


def test_of_what_is_published_no_more_it_is_deleted(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    old = fleet.add(packs[0])[0].target
    make_torrents(fleet.repository)
    new = fleet.add(packs[1])[0].target
    assert new.path in make_torrents(fleet.repository)
    assert make_torrent_name(new.file) in list_torrents(fleet)
    assert make_torrent_name(old.file) not in list_torrents(fleet)


def test_a_new_fleet_has_new_torrents(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    fleet.add(packs[0])
    make_torrents(fleet.repository)
    found_fleet(fleet.repository, fleet.open_keys())
    assert list_torrents(fleet) == set()
    assert len(make_torrents(fleet.repository)) == 1


def test_the_mirror_is_named_for_other_programs(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    target = fleet.add(packs[0])[0].target
    make_torrents(fleet.repository, "https://mirror.example/edge/")
    data = (fleet.repository.store.metadata / make_torrent_name(target.file)).read_bytes()
    assert load_libtorrent().bdecode(data)[b"url-list"] == b"https://mirror.example/edge/targets/packs/"


def test_devices_and_publisher_read_the_repository_as_before(
    fleet: Publisher, packs: tuple[Path, ...]
) -> None:
    fleet.add(packs[0])
    make_torrents(fleet.repository)
    assert fleet.make_device().get("packs/pumps.kpack") == packs[0].read_bytes()
    fleet.add(packs[1])
    assert fleet.make_device("another").get("packs/pumps.kpack") == packs[1].read_bytes()


def test_without_a_fleet_there_are_none(publisher: Publisher, packs: tuple[Path, ...]) -> None:
    publisher.add(packs[0])
    with pytest.raises(NotFoundError, match="has no fleet"):
        make_torrents(publisher.repository)


def test_a_lost_file_is_said(fleet: Publisher, packs: tuple[Path, ...]) -> None:
    target = fleet.add(packs[0])[0].target
    (fleet.repository.store.targets / target.file).unlink()
    with pytest.raises(NotFoundError, match="is missing"):
        make_torrents(fleet.repository)


def test_without_libtorrent_it_says_how_to_get_it(
    fleet: Publisher, packs: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add(packs[0])
    monkeypatch.setitem(sys.modules, "libtorrent", None)
    with pytest.raises(UsageError, match="needs libtorrent"):
        make_torrents(fleet.repository)
