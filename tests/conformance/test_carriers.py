"""What every carrier must do, whatever road it stands for.

A carrier joins with a ``Ground``: a folder that it serves, with the right and the wrong file in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import CarrierError, NotFoundError, TrustError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.interface import Carrier
from tests.simulators.swarm import Fleet, serve_seeds
from tests.sync.mirror import serve

FILE = f"packs/{'0' * 64}.pumps.kpack"
DATA = os.urandom(1_500_000)
TIMESTAMP = b'{"signed": {}}'
Open = Callable[[Path], AbstractContextManager[Carrier]]


@contextmanager
def open_folder(repository: Path) -> Iterator[Carrier]:
    yield FolderCarrier(repository)


@contextmanager
def open_https(repository: Path) -> Iterator[Carrier]:
    with serve(repository) as mirror:
        yield HttpsCarrier(mirror.address, Settings(home=repository))


@contextmanager
def open_swarm(repository: Path) -> Iterator[Carrier]:
    """Open a carrier whose file comes from another device; what this one knows of the repository is without it."""
    pytest.importorskip("libtorrent")
    fleet, stick = Fleet(), repository.parent / "stick"
    fleet.publish(repository, FILE)
    shutil.copytree(repository / "metadata", stick / "metadata")
    with serve_seeds(fleet, repository, FILE, "127.0.0.3"):
        yield fleet.make_carrier(FolderCarrier(stick), repository.parent / "home", "127.0.0.2")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, data in ((f"targets/{FILE}", DATA), ("metadata/timestamp.json", TIMESTAMP)):
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return tmp_path / "repository"


@pytest.fixture(params=[open_folder, open_https, open_swarm], ids=lambda opened: str(opened.__name__))
def carrier(request: pytest.FixtureRequest, repository: Path) -> Iterator[Carrier]:
    open_carrier: Open = request.param
    with open_carrier(repository) as opened:
        yield opened
        opened.close()


def fetch(carrier: Carrier, start: int = 0, length: int = len(DATA)) -> bytes:
    return b"".join(carrier.read_payload(FILE, start, length))


def exhaust(blocks: Iterator[bytes], into: bytearray) -> None:
    for block in blocks:
        into += block


def test_it_has_a_name_and_says_whether_it_can_be_carried_off(carrier: Carrier) -> None:
    assert carrier.name
    assert carrier.removable in (True, False)


def test_metadata_comes_whole(carrier: Carrier) -> None:
    assert carrier.read_metadata("timestamp.json", len(TIMESTAMP)) == TIMESTAMP
    assert carrier.read_metadata("timestamp.json", 10_000) == TIMESTAMP


def test_metadata_longer_than_its_limit_is_refused(carrier: Carrier) -> None:
    with pytest.raises(CarrierError, match=r"timestamp\.json is longer than 13 bytes"):
        carrier.read_metadata("timestamp.json", len(TIMESTAMP) - 1)


def test_what_is_not_there_is_not_found(carrier: Carrier) -> None:
    with pytest.raises(NotFoundError, match=r"2\.root\.json") as missing:
        carrier.read_metadata("2.root.json", 1000)
    assert carrier.name in missing.value.message
    assert missing.value.hint
    with pytest.raises(NotFoundError):
        list(carrier.read_payload("packs/none.kpack", 0, 1))


@pytest.mark.parametrize("start", [0, 1, len(DATA) // 2, len(DATA) - 1])
def test_payload_comes_from_where_it_is_wanted(carrier: Carrier, start: int) -> None:
    assert fetch(carrier, start) == DATA[start:]


def test_payload_comes_in_blocks_none_of_them_empty(carrier: Carrier) -> None:
    blocks = list(carrier.read_payload(FILE, 0, len(DATA)))
    assert all(blocks)
    assert max(map(len, blocks)) <= 1 << 20
    assert b"".join(blocks) == DATA


def test_no_byte_beyond_the_signed_length_is_handed_over(carrier: Carrier) -> None:
    got = bytearray()
    with pytest.raises(TrustError, match="were signed") as longer:
        exhaust(carrier.read_payload(FILE, 0, 1_000_000), got)
    assert len(got) <= 1_000_000
    assert longer.value.hint


def test_a_file_that_is_too_short_is_an_error(carrier: Carrier) -> None:
    with pytest.raises(CarrierError) as shorter:
        fetch(carrier, length=len(DATA) + 1)
    assert shorter.value.hint


@pytest.mark.parametrize("name", ["../secret", "../../secret", "a/../../../secret"])
def test_nothing_outside_the_repository_is_read(carrier: Carrier, repository: Path, name: str) -> None:
    for place in (repository, repository.parent):
        (place / "secret").write_bytes(b"secret")
    for read in (
        lambda: carrier.read_metadata(name, 100),
        lambda: b"".join(carrier.read_payload(name, 0, 6)),
    ):
        with pytest.raises((CarrierError, NotFoundError)) as error:
            read()
        assert "leads out of the repository" in str(error.value) or "%2F" in str(error.value)


def test_a_payload_can_be_left_and_taken_up_again(carrier: Carrier) -> None:
    blocks = carrier.read_payload(FILE, 0, len(DATA))
    first = next(blocks)
    blocks.close()
    assert first + fetch(carrier, len(first)) == DATA


def test_it_serves_again_after_an_error(carrier: Carrier) -> None:
    with pytest.raises(NotFoundError):
        carrier.read_metadata("none.json", 10)
    with pytest.raises(CarrierError):
        carrier.read_metadata("timestamp.json", 1)
    assert fetch(carrier) == DATA


def test_closed_twice_is_closed(carrier: Carrier) -> None:
    carrier.read_metadata("timestamp.json", 100)
    carrier.close()
    carrier.close()
