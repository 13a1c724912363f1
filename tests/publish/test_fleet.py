"""Who may take part in the swarm: the fleet's key is kept like the others, devices get files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from edge.errors import ForbiddenError, NotFoundError, UsageError
from edge.publish.fleet import admit_device, found_fleet, read_fleet_certificate
from edge.sync.carriers.identity import CERTIFICATE, FLEET, KEY, Identity
from tests.publish.conftest import Passphrase, Publisher


def test_an_admitted_device_has_an_identity(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    admit_device(publisher.repository, publisher.open_keys(), "van 7", tmp_path / "van")
    identity = Identity.load(tmp_path / "van")
    assert identity.fleet == read_fleet_certificate(publisher.repository.store)
    assert identity.own.subject.rfc4514_string() == "CN=van 7"


def test_two_devices_are_of_one_fleet_and_have_keys_of_their_own(
    publisher: Publisher, tmp_path: Path
) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    for name in ("a", "b"):
        admit_device(publisher.repository, publisher.open_keys(), name, tmp_path / name)
    a, b = (Identity.load(tmp_path / name) for name in ("a", "b"))
    assert a.admits(b.own)
    assert a.key != b.key


def test_a_fleet_founded_anew_shuts_the_old_devices_out(publisher: Publisher, tmp_path: Path) -> None:
    for name in ("lost", "kept"):
        found_fleet(publisher.repository, publisher.open_keys())
        admit_device(publisher.repository, publisher.open_keys(), name, tmp_path / name)
    assert not Identity.load(tmp_path / "kept").admits(Identity.load(tmp_path / "lost").own)


def test_keys_are_for_their_owner_alone(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")
    [key] = publisher.keys_folder.glob("fleet-*.pem")
    assert b"ENCRYPTED PRIVATE KEY" in key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "van" / KEY).stat().st_mode & 0o777 == 0o600


def test_no_private_key_is_in_the_repository(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")
    for path in publisher.folder.rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes()


def test_a_certificate_holds_whatever_the_clock_shows(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")
    for name in (FLEET, CERTIFICATE):
        certificate = x509.load_pem_x509_certificate((tmp_path / "van" / name).read_bytes())
        assert certificate.not_valid_before_utc.year == 1970
        assert certificate.not_valid_after_utc.year == 2099


def test_devices_still_update_from_the_repository(publisher: Publisher) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    assert publisher.make_device().read_versions()["root"] == 1


def test_without_a_fleet_nobody_is_admitted(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no fleet"):
        admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")


def test_without_its_key_nobody_is_admitted(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    publisher.lock_away("fleet", "stick")
    with pytest.raises(NotFoundError, match="key of the fleet") as missing:
        admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")
    assert "fleet-" in missing.value.hint
    admit_device(publisher.repository, publisher.open_keys("stick"), "van", tmp_path / "van")


def test_a_wrong_passphrase_is_said(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    publisher.passphrase = Passphrase("wrong")
    with pytest.raises(ForbiddenError, match="passphrase"):
        admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")


def test_a_folder_is_for_one_device(publisher: Publisher, tmp_path: Path) -> None:
    found_fleet(publisher.repository, publisher.open_keys())
    admit_device(publisher.repository, publisher.open_keys(), "van", tmp_path / "van")
    before = (tmp_path / "van" / KEY).read_bytes()
    with pytest.raises(UsageError, match="holds a device's key already"):
        admit_device(publisher.repository, publisher.open_keys(), "another", tmp_path / "van")
    assert (tmp_path / "van" / KEY).read_bytes() == before


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_a_name_must_be_one(publisher: Publisher, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a device"):
        admit_device(publisher.repository, publisher.open_keys(), name, tmp_path / "van")
