"""What a device believes over time: whatever it is offered in whatever order, no version ever goes back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.ngclient import Updater

from edge.config import Settings
from edge.errors import CarrierError, TrustError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.ratchet import Ratchet
from edge.sync.targets import Target
from tests.sync.conftest import Device, Road
from tests.sync.repository import DELEGATE, Repository

MakePack = Callable[..., Path]
POLICY = {"kind": "policy"}

PUBLISH = st.sampled_from([("targets",), (DELEGATE,), ("snapshot",), ("targets", DELEGATE), ("rotate",)])
OFFER = st.tuples(
    st.integers(0, 10), st.sampled_from(["", "truncate", "delete", "delete online", "delete roots"])
)
HISTORY = st.lists(st.tuples(st.just("publish"), PUBLISH) | st.tuples(st.just("offer"), OFFER), max_size=10)


def play(folder: Path, history: list[tuple[str, tuple[object, ...]]]) -> int:
    """Publish and offer, the newest state or an old one, to a device whose cache is damaged on the way."""
    repository = Repository(folder / "0")
    past = [repository.copy(folder / "past-0")]
    device = Device(Settings(home=folder / "home")).trust(repository)
    highest: dict[str, int] = {}
    offers = 0
    for action, details in history:
        if action == "publish":
            if details == ("rotate",):
                repository.rotate("targets")
                repository.publish("targets")
            else:
                repository.publish(*map(str, details))
            past.append(repository.copy(folder / f"past-{len(past)}"))
            continue
        age, damage = details
        damage_cache(device.cache, str(damage))
        offered = past[-1 - min(int(str(age)), len(past) - 1)]
        versions = {role: metadata.signed.version for role, metadata in offered.roles.items()}
        versions["root"] = offered.root.signed.version
        going_back = any(versions[role] < version for role, version in highest.items())
        try:
            device.refresh(FolderCarrier(offered.folder))
            assert not going_back
            highest = versions
        except TrustError:
            assert going_back
        offers += 1
    return offers


def damage_cache(cache: Path, damage: str) -> None:
    if damage == "delete":
        shutil.rmtree(cache, ignore_errors=True)
    elif damage == "delete roots":
        shutil.rmtree(cache / "root_history", ignore_errors=True)
    for path in cache.glob("*.json"):
        if not path.is_symlink() and damage == "truncate":
            os.truncate(path, 0)
        elif damage == "delete online" and path.name in ("timestamp.json", "snapshot.json"):
            path.unlink()


@settings(max_examples=60, deadline=None)
@given(history=HISTORY)
def test_versions_never_decrease(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, tuple[object, ...]]]
) -> None:
    play(tmp_path_factory.mktemp("history"), history)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(history=HISTORY)
def test_versions_never_decrease_in_a_thousand_histories(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, tuple[object, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    play(folder, history)
    shutil.rmtree(folder)


def test_an_offer_is_what_all_roles_list(device: Device, road: Road, repository: Repository) -> None:
    repository.add("policy/config.toml", b"", POLICY)
    custom = {"kind": "pack", "name": "acme-x", "version": "1", "title": "X", "database": "0" * 64}
    sha256 = repository.add("packs/acme-x.kpack", b"x", custom, DELEGATE)
    offer = device.refresh(road(repository))
    assert [target.path for target in offer.targets] == ["packs/acme-x.kpack", "policy/config.toml"]
    assert offer.targets[0] == Target("packs/acme-x.kpack", 1, sha256, "pack", "acme-x", "1", "X", "0" * 64)
    assert (offer.problems, offer.version, offer.stale_days) == ((), 3, None)


def test_a_new_device_walks_the_chain_of_roots(device: Device, road: Road, repository: Repository) -> None:
    for role in ("timestamp", "snapshot", "targets"):
        repository.rotate(role)
    device.refresh(road(repository))
    ratchet = Ratchet(device.settings.sync_dir / "trust.sqlite")
    (anchor,) = {row[0] for row in ratchet._connection.execute("SELECT anchor FROM role")}
    assert ratchet.get_seen(anchor)["root"].version == 4
    ratchet.close()


def test_a_root_key_is_replaced_by_old_and_new_keys(
    device: Device, road: Road, repository: Repository
) -> None:
    repository.root_keys = ["root-1", "root-2", "root-3"]  # both thresholds
    repository.rotate()
    repository.root.signed.revoke_key(repository.keys["root-1"].public_key.keyid, "root")
    repository.rotate()
    device.refresh(road(repository))
    repository.root_keys = ["root-1", "root-2"]  # one of them is revoked
    repository.root.signed.version += 1
    repository.root.signatures.clear()
    repository.publish_root()
    with pytest.raises(TrustError, match=r"4\.root\.json is not signed"):
        device.refresh(road(repository))


def test_what_is_no_repository_says_so(device: Device, road: Road, repository: Repository) -> None:
    shutil.rmtree(repository.folder / "metadata")
    with pytest.raises(CarrierError, match=r"has no metadata/timestamp\.json") as error:
        device.refresh(road(repository))
    assert "no repository" in error.value.hint


def test_the_private_names_of_python_tuf_are_there() -> None:
    """The version is pinned for their sake: see ``edge.sync.trust._Updater``."""
    for name in ("_load_root", "_load_targets", "_trusted_set"):
        assert name in Updater._load_root.__code__.co_names or hasattr(Updater, name)


def test_every_refusal_names_source_file_and_remedy(
    device: Device, road: Road, repository: Repository
) -> None:
    repository.locate_metadata("timestamp.json").write_bytes(b"?")
    carrier = road(repository)
    with pytest.raises(TrustError) as error:
        device.refresh(carrier)
    assert error.value.message.startswith(f"{carrier.name}: timestamp.json ")
    assert error.value.hint
