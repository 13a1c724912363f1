"""A torrent is exactly what name, signed length and fleet make it, or it is refused."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import CarrierError, NotFoundError, TrustError
from edge.sync.carriers.torrent import (
    compute_piece_length,
    load_libtorrent,
    load_parameters,
    make_torrent,
    make_torrent_name,
)
from tests.simulators.swarm import Fleet

pytest.importorskip("libtorrent")

FLEET = Fleet().certificate
NAME = f"{'0' * 64}.pumps.kpack"
PATH = f"packs/{NAME}"
LENGTH = 200_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make(tmp_path_factory.mktemp("torrent"))


def make(folder: Path, name: str = NAME, length: int = LENGTH, fleet: str = FLEET) -> bytes:
    (folder / name).write_bytes(os.urandom(length))
    return make_torrent(folder / name, name, fleet)


def test_it_lies_with_the_metadata_by_the_hash_of_its_file() -> None:
    assert make_torrent_name(PATH) == f"{'0' * 64}.torrent"


def test_it_is_v2_private_and_of_one_fleet(data: bytes) -> None:
    loaded = load_parameters(data, PATH, LENGTH, FLEET)
    assert loaded.ti.info_hashes().has_v2()
    assert not loaded.ti.info_hashes().has_v1()
    assert loaded.ti.priv()
    assert load_libtorrent().bdecode(data)[b"info"][b"ssl-cert"] == FLEET.encode()


def test_it_is_the_same_wherever_the_file_lies(tmp_path: Path) -> None:
    first = make(tmp_path)
    (tmp_path / NAME).rename(tmp_path / "installed")
    assert make_torrent(tmp_path / "installed", PATH, FLEET) == first


def test_of_a_missing_file_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is missing"):
        make_torrent(tmp_path / "none", PATH, FLEET)


@pytest.mark.parametrize(
    ("length", "piece"),
    [(1, 16 << 10), (94_000_000, 16 << 10), (600_000_000, 32 << 10), (4_500_000_000, 256 << 10)],
)
def test_pieces_are_small(length: int, piece: int) -> None:
    assert compute_piece_length(length) == piece


def test_one_of_another_fleet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="not one of this device's fleet"):
        load_parameters(make(tmp_path, fleet=Fleet().certificate), PATH, LENGTH, FLEET)


def test_one_for_a_longer_file_is_refused(data: bytes) -> None:
    with pytest.raises(TrustError, match="200000 bytes, and 199999 were signed"):
        load_parameters(data, PATH, LENGTH - 1, FLEET)


def test_one_for_a_shorter_file_is_of_no_use(data: bytes) -> None:
    with pytest.raises(CarrierError, match="200000 bytes, and 200001 were signed"):
        load_parameters(data, PATH, LENGTH + 1, FLEET)


def test_one_for_another_file_is_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(CarrierError, match="damaged"):
        load_parameters(make(tmp_path, name="other.kpack"), PATH, LENGTH, FLEET)


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"private", 0), (b"piece length", 65536), (b"ssl-cert", b""), (b"name", b"../x"), (b"more", 1)],
)
def test_one_that_differs_anywhere_is_refused(data: bytes, key: bytes, value: object) -> None:
    lt = load_libtorrent()
    content = lt.bdecode(data)
    content[b"info"][key] = value
    with pytest.raises(TrustError, match="not one of this device's fleet"):
        load_parameters(lt.bencode(content), PATH, LENGTH, FLEET)


def test_hashes_that_do_not_fit_are_refused(data: bytes) -> None:
    lt = load_libtorrent()
    content = lt.bdecode(data)
    [(root, layer)] = content[b"piece layers"].items()
    content[b"piece layers"][root] = bytes(len(layer))
    with pytest.raises(CarrierError, match="damaged"):
        load_parameters(lt.bencode(content), PATH, LENGTH, FLEET)


def test_addresses_in_it_are_left_out(data: bytes) -> None:
    lt = load_libtorrent()
    content = lt.bdecode(data) | {b"announce": b"http://192.0.2.1/", b"url-list": [b"http://192.0.2.1/"]}
    loaded = load_parameters(lt.bencode(content), PATH, LENGTH, FLEET)
    assert loaded.trackers == []
    assert loaded.url_seeds == []


def test_what_was_made_is_accepted(data: bytes) -> None:
    assert load_parameters(data, PATH, LENGTH, FLEET).ti.name() == NAME


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_comes_is_refused_in_words(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    junk = draw.draw(
        st.sampled_from([bytes(changed), bytes(changed[: len(changed) // 2]), b"", b"de", b"i1e"])
    )
    with suppress(CarrierError, TrustError):
        assert load_parameters(junk, PATH, LENGTH, FLEET).ti.name() == NAME
