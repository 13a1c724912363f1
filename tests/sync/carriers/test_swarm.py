"""Payload from other devices of a fleet, on loopback: real TLS, real libtorrent, real liars."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import CarrierError, NotFoundError, StorageError, TrustError, UsageError
from edge.sync.carriers import swarm as swarm_module
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.identity import Identity
from edge.sync.carriers.node import Traffic
from edge.sync.carriers.swarm import SwarmCarrier
from edge.sync.carriers.torrent import compute_piece_length, make_torrent, make_torrent_name
from edge.sync.report import State
from tests.conftest import BuildPack
from tests.simulators.swarm import Fleet, Liar, Seed, compute_info_hash, greet, greet_plainly, serve_seeds
from tests.sync.conftest import Device
from tests.sync.mirror import serve
from tests.sync.repository import Repository

pytest.importorskip("libtorrent")

ME, VAN, OTHER_VAN = "127.0.0.2", "127.0.0.3", "127.0.0.4"
LIARS = ("127.0.0.11", "127.0.0.12", "127.0.0.13")


@dataclass
class Place:
    """A repository at headquarters with one large file, a stick with all of it but the file, and a device's home."""

    root: Path
    data: bytes
    fleet: Fleet

    @property
    def headquarters(self) -> Path:
        return self.root / "headquarters"

    @property
    def stick(self) -> Path:
        return self.root / "stick"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def path(self) -> str:
        return f"packs/{self.sha256}.pumps.kpack"

    def make_device(self, **options: float) -> SwarmCarrier:
        """Knows the lists and torrents; the payload it can have from others alone."""
        return self.fleet.make_carrier(FolderCarrier(self.stick), self.home, ME, **options)

    def fetch(self, carrier: SwarmCarrier, start: int = 0) -> bytes:
        return b"".join(carrier.read_payload(self.path, start, len(self.data)))


def make_place(root: Path, length: int) -> Place:
    place = Place(root, os.urandom(length), Fleet())
    file = place.headquarters / "targets" / place.path
    file.parent.mkdir(parents=True)
    file.write_bytes(place.data)
    place.fleet.publish(place.headquarters, place.path)
    shutil.copytree(place.headquarters / "metadata", place.stick / "metadata")
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path, 3_000_001)


@pytest.fixture
def seed(place: Place) -> Iterator[Seed]:
    with serve_seeds(place.fleet, place.headquarters, place.path, VAN) as seeds:
        yield seeds[0]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror is asked at once."""
    monkeypatch.setattr(swarm_module, "GRACE_S", 0.0)


def test_a_file_comes_from_a_device_nearby(place: Place, seed: Seed) -> None:
    with closing(place.make_device()) as carrier:
        assert place.fetch(carrier) == place.data
        assert carrier.traffic == Traffic(received=len(place.data))
    assert seed.given == len(place.data)


def test_nothing_of_it_stays_beside_the_callers_copy(place: Place, seed: Seed) -> None:
    with closing(place.make_device()) as carrier:
        place.fetch(carrier)
    assert [path for path in place.home.rglob("*") if path.is_file()] == []


def test_what_the_caller_has_is_not_fetched_again(place: Place, seed: Seed) -> None:
    start = 2_000_000
    with closing(place.make_device()) as carrier:
        assert place.fetch(carrier, start) == place.data[start:]
    assert seed.given <= len(place.data) - start + compute_piece_length(len(place.data))


def test_where_nobody_is_near_the_mirror_gives(place: Place, impatient: None) -> None:
    with serve(place.headquarters) as mirror:
        source = HttpsCarrier(mirror.address, Settings(home=place.home))
        with closing(place.fleet.make_carrier(source, place.home, ME)) as carrier:
            assert place.fetch(carrier) == place.data
            assert carrier.traffic.received == 0
        assert mirror.sent == len(place.data)


def test_a_mirror_that_lies_is_not_believed_and_others_are_asked(place: Place, impatient: None) -> None:
    with serve_seeds(place.fleet, place.headquarters, place.path, VAN):
        (place.stick / "targets/packs").mkdir(parents=True)
        (place.stick / "targets" / place.path).write_bytes(bytes(len(place.data)))
        with closing(place.make_device()) as carrier:
            assert place.fetch(carrier) == place.data
            assert carrier.traffic.received >= len(place.data)


def test_where_nobody_has_it_that_is_said(place: Place, impatient: None) -> None:
    with (
        closing(place.make_device(window_s=0.5)) as carrier,
        pytest.raises(CarrierError, match="No other device of the fleet is near") as alone,
    ):
        place.fetch(carrier)
    assert alone.value.hint


def test_three_liars_of_five_cost_less_than_a_twentieth(tmp_path: Path) -> None:
    place = make_place(tmp_path, 24_000_000)
    with serve_seeds(place.fleet, place.headquarters, place.path, VAN, OTHER_VAN) as seeds:
        asked_for = compute_info_hash(place.headquarters, place.path)
        liars = [Liar(place.fleet.make_device(host), seeds[0].at, asked_for, host) for host in LIARS]
        with closing(place.make_device()) as carrier:
            carrier.node.known.update(dict.fromkeys(liar.at for liar in liars))
            assert place.fetch(carrier) == place.data
            waste = carrier.traffic.failed + carrier.traffic.redundant
        for liar in liars:
            liar.close()
    assert sum(liar.lies for liar in liars) > 0
    assert 0 < waste <= len(place.data) * 0.05


def test_what_came_before_a_break_is_not_fetched_again(tmp_path: Path) -> None:
    """No more is lost than what was on its way, also of what the caller had not been handed yet."""
    place = make_place(tmp_path, 20_000_000)
    got = b""
    with serve_seeds(place.fleet, place.headquarters, place.path, VAN) as [seed]:
        seed.handle.set_upload_limit(8_000_000)
        for part in range(1, 4):
            with (
                closing(place.make_device()) as carrier,
                closing(carrier.read_payload(place.path, len(got), len(place.data))) as blocks,
            ):
                while len(got) < len(place.data) * part / 4:
                    got += next(blocks)
        with closing(place.make_device()) as carrier:
            assert got + place.fetch(carrier, len(got)) == place.data
        assert seed.given <= len(place.data) * 1.2


@pytest.mark.slow
def test_twenty_kills_cost_less_than_half(tmp_path: Path) -> None:
    """Killed, it loses what the system had not handed over yet."""
    place = make_place(tmp_path, 60_000_000)
    certificates = tmp_path / "certificates"
    place.fleet.admit(certificates)
    with serve_seeds(place.fleet, place.headquarters, place.path, VAN) as [seed]:
        seed.handle.set_upload_limit(12_000_000)
        arguments = [certificates, place.stick, place.home, ME, *seed.at, "packs/pumps.kpack", place.sha256]
        for part in range(1, 22):
            command = [sys.executable, "-m", "tests.simulators.swarm_device", *map(str, arguments)]
            with subprocess.Popen([*command, str(len(place.data))], stdout=subprocess.PIPE) as process:
                assert process.stdout
                for line in process.stdout:
                    if part < 21 and int(line) >= len(place.data) * part / 21:
                        process.kill()
                        break
            assert process.returncode == (0 if part == 21 else -9)
        assert (place.home / place.sha256 / "pumps.kpack").read_bytes() == place.data
        print(f"given {seed.given / len(place.data):.3f} x the payload over 20 kills")
        assert seed.given <= len(place.data) * 1.5


@pytest.mark.parametrize("which", ["foreign", "none"])
def test_without_a_certificate_of_the_fleet_nobody_is_greeted(place: Place, seed: Seed, which: str) -> None:
    asked_for = compute_info_hash(place.headquarters, place.path)
    assert len(greet(seed.at, asked_for, place.fleet.make_device())) == 68
    stranger = Fleet().make_device() if which == "foreign" else None
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(seed.at, asked_for, stranger)
    assert seed.given == 0


def test_without_tls_nobody_is_greeted(place: Place, seed: Seed) -> None:
    answer = greet_plainly(seed.at, compute_info_hash(place.headquarters, place.path))
    assert answer[:2] in (b"", b"\x15\x03"), "no more than an alert of TLS"
    assert seed.given == 0


def test_a_foreign_certificate_gets_no_byte(place: Place, seed: Seed, impatient: None) -> None:
    """An outsider who has the torrent and the fleet's certificate, which are no secrets."""
    outsider = replace(Fleet().make_device(), fleet=place.fleet.certificate)
    source = FolderCarrier(place.stick)
    with closing(
        SwarmCarrier(source, lambda: outsider, place.home, host=ME, interfaces=(1,), window_s=3)
    ) as carrier:
        carrier.node.known[seed.at] = None
        with pytest.raises(CarrierError, match="too slow: 0 devices"):
            place.fetch(carrier)
        assert carrier.traffic.received == 0
    assert seed.given == 0


def test_a_foreign_certificate_gives_no_byte(place: Place, impatient: None) -> None:
    outsider = replace(Fleet().make_device(), fleet=place.fleet.certificate)
    with closing(Seed(outsider, place.fleet.certificate, place.headquarters, place.path, VAN)) as seed:
        with closing(place.make_device(window_s=3)) as carrier:
            carrier.node.known[seed.at] = None
            with pytest.raises(CarrierError, match="too slow: 0 devices"):
                place.fetch(carrier)
            assert carrier.traffic.received == 0
        assert seed.given == 0


def test_metadata_is_never_the_swarms(place: Place) -> None:
    (place.stick / "metadata/timestamp.json").write_bytes(b"{}")
    with closing(place.make_device()) as carrier:
        assert carrier.read_metadata("timestamp.json", 10) == b"{}"
        with pytest.raises(NotFoundError, match="swarm"):
            carrier.read_metadata("2.root.json", 10)
        assert carrier.traffic == Traffic()
        assert carrier.removable


def test_without_a_torrent_it_is_not_found(place: Place) -> None:
    (place.stick / "metadata" / make_torrent_name(place.path)).unlink()
    with closing(place.make_device()) as carrier, pytest.raises(NotFoundError, match="torrent"):
        place.fetch(carrier)


def test_a_torrent_of_another_fleet_is_refused(place: Place) -> None:
    file = place.headquarters / "targets" / place.path
    (place.stick / "metadata" / make_torrent_name(place.path)).write_bytes(
        make_torrent(file, place.path, Fleet().certificate)
    )
    with (
        closing(place.make_device()) as carrier,
        pytest.raises(TrustError, match="not one of this device's fleet"),
    ):
        place.fetch(carrier)


def test_a_device_in_no_fleet_has_the_lists_all_the_same(place: Place) -> None:
    (place.stick / "metadata/timestamp.json").write_bytes(b"{}")
    stranger = SwarmCarrier(FolderCarrier(place.stick), lambda: Identity.load(place.home), place.home)
    with closing(stranger) as carrier:
        assert carrier.read_metadata("timestamp.json", 10) == b"{}"
        with pytest.raises(CarrierError, match="in no fleet") as alone:
            place.fetch(carrier)
    assert "publisher" in alone.value.hint


def test_a_full_disk_is_said_before_anything_comes(
    place: Place, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(place.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with closing(place.make_device()) as carrier, pytest.raises(StorageError, match="are free"):
        place.fetch(carrier)
    assert seed.given == 0


def test_a_disk_that_fails_is_said(place: Place, seed: Seed) -> None:
    name = Path(place.path).name
    (place.home / "staging" / place.sha256 / "swarm" / name).mkdir(parents=True)
    with (
        closing(place.make_device()) as carrier,
        pytest.raises(StorageError, match="cannot be read or written"),
    ):
        place.fetch(carrier)


def test_without_libtorrent_it_says_how_to_get_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libtorrent", None)
    with (
        closing(place.make_device()) as carrier,
        pytest.raises(UsageError, match="needs libtorrent") as missing,
    ):
        place.fetch(carrier)
    assert "pip install 'edge-assistant[swarm]'" in missing.value.hint


def test_a_network_that_cannot_be_used_is_an_error(place: Place) -> None:
    carrier = place.fleet.make_carrier(FolderCarrier(place.stick), place.home, "192.0.2.1")
    with closing(carrier), pytest.raises(CarrierError, match=r"No connections can be taken at 192\.0\.2\.1"):
        place.fetch(carrier)


def test_edge_sync_installs_from_the_swarm(
    tmp_path: Path, repository: Repository, device: Device, build_pack: BuildPack
) -> None:
    """The list by TUF from a stick that lacks the pack; the pack from the van next door."""
    sha256 = repository.add_pack(build_pack())
    fleet, path = Fleet(), f"packs/{sha256}.pumps.kpack"
    fleet.publish(repository.folder, path)
    stick = tmp_path / "stick"
    shutil.copytree(repository.folder / "metadata", stick / "metadata")
    with serve_seeds(fleet, repository.folder, path, VAN):
        carrier = fleet.make_carrier(FolderCarrier(stick), device.settings.sync_dir, ME)
        report = device.sync(carrier)
    assert [outcome.state for outcome in report.outcomes] == [State.CHANGED]
    assert device.packs == {"pumps": "1.0"}


def test_a_swarm_that_agrees_on_another_file_is_refused(
    tmp_path: Path, repository: Repository, device: Device, build_pack: BuildPack
) -> None:
    """Torrent and peers are consistent, all of the fleet, and wrong: the signed SHA-256 decides."""
    sha256 = repository.add_pack(build_pack())
    fleet, path = Fleet(), f"packs/{sha256}.pumps.kpack"
    evil = tmp_path / "evil"
    (evil / "targets/packs").mkdir(parents=True)
    data = bytearray((repository.folder / "targets" / path).read_bytes())
    data[-1] ^= 1
    (evil / "targets" / path).write_bytes(data)
    fleet.publish(evil, path)
    shutil.copytree(repository.folder / "metadata", evil / "metadata", dirs_exist_ok=True)
    with serve_seeds(fleet, evil, path, VAN):
        report = device.sync(fleet.make_carrier(FolderCarrier(evil), device.settings.sync_dir, ME))
    assert [outcome.state for outcome in report.outcomes] == [State.REFUSED]
    assert isinstance(report.outcomes[0].error, TrustError)
    assert device.packs == {}
