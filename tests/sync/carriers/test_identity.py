"""A device's three files belong together, or it is in no fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import NotFoundError, TrustError
from edge.sync.carriers.identity import CERTIFICATE, FLEET, KEY, Identity
from tests.simulators.swarm import Fleet


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def folder(tmp_path: Path, fleet: Fleet) -> Path:
    fleet.admit(tmp_path / "swarm")
    return tmp_path / "swarm"


def test_it_is_read(folder: Path, fleet: Fleet) -> None:
    identity = Identity.load(folder)
    assert identity.fleet == fleet.certificate
    assert identity.admits(identity.own)
    assert identity.admits(fleet.make_device().own)
    assert not identity.admits(Fleet().make_device().own)


@pytest.mark.parametrize("name", [FLEET, CERTIFICATE, KEY])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(NotFoundError, match=f"in no fleet: there is no .*{name}") as missing:
        Identity.load(folder)
    assert "publisher" in missing.value.hint


@pytest.mark.parametrize("name", [FLEET, CERTIFICATE, KEY])
@pytest.mark.parametrize("contents", [b"", b"no PEM", "\N{SNOWMAN}".encode()])
def test_a_damaged_file_is_refused(folder: Path, name: str, contents: bytes) -> None:
    (folder / name).write_bytes(contents)
    with pytest.raises(TrustError, match=r"damaged|do not belong together"):
        Identity.load(folder)


def test_files_of_different_devices_are_refused(folder: Path, fleet: Fleet) -> None:
    (folder / KEY).write_text(fleet.make_device().key)
    with pytest.raises(TrustError, match="do not belong together"):
        Identity.load(folder)


def test_a_certificate_of_another_fleet_is_refused(folder: Path) -> None:
    (folder / FLEET).write_text(Fleet().certificate)
    with pytest.raises(TrustError, match="do not belong together"):
        Identity.load(folder)
