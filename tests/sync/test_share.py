"""One van has the pack, another gets it: lists from a stick, payload from the van."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Event, Thread

import pytest

from edge.config import Settings
from edge.errors import NotFoundError
from edge.packs.store import PackStore
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.report import State
from edge.sync.share import share
from tests.conftest import BuildPack
from tests.simulators.swarm import LOOPBACK, Fleet
from tests.sync.conftest import Device
from tests.sync.repository import Repository

pytest.importorskip("libtorrent")


def test_a_pack_travels_from_van_to_van(
    tmp_path: Path, repository: Repository, device: Device, build_pack: BuildPack
) -> None:
    fleet, stick, van = Fleet(), tmp_path / "stick", Device(Settings(home=tmp_path / "van")).trust(repository)
    sha256 = repository.add_pack(build_pack())
    fleet.publish(repository.folder, f"packs/{sha256}.pumps.kpack")
    fleet.admit(van.settings.home / "swarm")
    shutil.copytree(repository.folder / "metadata", stick / "metadata")
    van.sync(FolderCarrier(repository.folder))

    ready, ended = Event(), Event()
    sharing = {"shared": lambda pack: ready.set(), "host": "127.0.0.3", "interfaces": LOOPBACK}
    thread = Thread(target=share, args=(van.settings, ended.is_set), kwargs=sharing, daemon=True)
    thread.start()
    assert ready.wait(10)
    report = device.sync(fleet.make_carrier(FolderCarrier(stick), device.settings.sync_dir, "127.0.0.2"))
    ended.set()
    thread.join()
    assert [outcome.state for outcome in report.outcomes] == [State.CHANGED]
    assert device.packs == van.packs == {"pumps": "1.0"}


def test_without_certificates_nothing_is_shared(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="in no fleet"):
        share(Settings(home=tmp_path), lambda: True)


def test_what_nobody_signed_is_not_shared(tmp_path: Path, build_pack: BuildPack) -> None:
    settings = Settings(home=tmp_path)
    Fleet().admit(tmp_path / "swarm")
    PackStore(settings).install(build_pack(), allow_unsigned=True)
    with pytest.raises(NotFoundError, match="no signed pack"):
        share(settings, lambda: True)
