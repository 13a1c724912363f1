from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import NotFoundError, TrustError
from edge.sync import anchor
from edge.sync.anchor import (
    fetch_newest_root,
    has_anchor,
    is_trusted,
    load_anchor,
    read_root,
    read_root_file,
    trust,
)
from tests.sync.conftest import Device, Road
from tests.sync.repository import DAY, T0, Repository


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "new")


def test_the_root_of_a_repository_shows_its_keys(road: Road, repository: Repository) -> None:
    root = fetch_newest_root(road(repository))
    assert (root.version, root.threshold, root.expires) == (1, 2, T0 + 730 * DAY)
    keys = {repository.keys[f"root-{n}"].public_key.keyid for n in (1, 2, 3)}
    assert set(root.fingerprints) == keys


def test_the_newest_root_is_reached_by_signatures(road: Road, repository: Repository) -> None:
    repository.rotate("timestamp")
    repository.rotate("targets")
    assert fetch_newest_root(road(repository)).version == 3


def test_a_chain_that_is_broken_is_refused(road: Road, repository: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other", foreign=True)
    other.root.signed.version = 2
    other.publish_root()
    repository.locate_metadata("2.root.json").write_bytes(other.locate_metadata("2.root.json").read_bytes())
    with pytest.raises(TrustError, match=r"2\.root\.json is not a root signed as it must be"):
        fetch_newest_root(road(repository))


def test_a_root_under_another_number_is_refused(road: Road, repository: Repository) -> None:
    repository.locate_metadata("2.root.json").write_bytes(repository.anchor)
    with pytest.raises(TrustError, match="says it is version 1"):
        fetch_newest_root(road(repository))


def test_no_repository_no_root(road: Road, repository: Repository) -> None:
    repository.locate_metadata("1.root.json").unlink()
    with pytest.raises(NotFoundError, match=r"1\.root\.json"):
        fetch_newest_root(road(repository))


def test_a_file_is_a_root_or_refused(repository: Repository, tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(repository.anchor)
    assert read_root_file(path).data == repository.anchor
    unsigned = json.loads(repository.anchor) | {"signatures": []}
    refused = (
        b"",
        b"{}",
        repository.locate_metadata("timestamp.json").read_bytes(),
        json.dumps(unsigned).encode(),
    )
    for data in (*refused, b"[" * 100_000, b" " * 600_000):
        path.write_bytes(data)
        with pytest.raises(TrustError) as error:
            read_root_file(path)
        assert error.value.hint
    with pytest.raises(NotFoundError):
        read_root_file(tmp_path / "none.json")


def test_trust_is_chosen_once(settings: Settings, repository: Repository) -> None:
    root = read_root(repository.anchor, "root")
    assert not has_anchor(settings)
    assert not is_trusted(settings, root)
    with pytest.raises(TrustError, match="trusts no publisher"):
        load_anchor(settings)
    trust(settings, root)
    assert has_anchor(settings)
    assert is_trusted(settings, root)
    assert load_anchor(settings) == repository.anchor


def test_a_later_root_of_the_same_publisher_is_trusted_already(
    settings: Settings, repository: Repository
) -> None:
    trust(settings, read_root(repository.anchor, "root"))
    repository.rotate("timestamp")
    assert is_trusted(settings, read_root(repository.locate_metadata("2.root.json").read_bytes(), "root"))


def test_another_publisher_takes_over_and_the_first_is_not_forgotten(
    device: Device, road: Road, repository: Repository, tmp_path: Path
) -> None:
    old = repository.copy(tmp_path / "old")
    repository.publish("targets")
    device.refresh(road(repository))
    other = Repository(tmp_path / "other", foreign=True)
    assert not is_trusted(device.settings, read_root(other.anchor, "root"))
    device.trust(other)
    assert device.refresh(road(other)).version == 1
    with pytest.raises(TrustError):
        device.refresh(road(repository))
    device.trust(repository)
    with pytest.raises(TrustError, match="has been seen"):
        device.refresh(road(old))


def test_an_integrator_can_build_a_root_in(
    settings: Settings, road: Road, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_in = tmp_path / "root.json"
    built_in.write_bytes(repository.anchor)
    monkeypatch.setattr(anchor, "BUILT_IN", built_in)
    assert has_anchor(settings)
    assert Device(settings).refresh(road(repository)).version == 1


def test_a_damaged_anchor_is_told(device: Device, road: Road, repository: Repository) -> None:
    anchor.locate_anchor(device.settings).write_bytes(b"{")
    with pytest.raises(TrustError, match="damaged") as error:
        device.refresh(road(repository))
    assert "edge sync trust" in error.value.hint
