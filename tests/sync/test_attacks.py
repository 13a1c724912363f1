"""What somebody with a mirror, a stick or a stolen key can try, by every road: all of it is refused, none of it sticks.

After each attack the version in use answers as before, and the honest repository installs the new one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from edge.config import Settings
from edge.errors import CarrierError, TrustError
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.report import State
from tests.sync import mirror as ways
from tests.sync.conftest import Device, Road
from tests.sync.mirror import serve
from tests.sync.repository import DAY, DELEGATE, T0, Repository

MakePack = Callable[..., Path]
PUMPS = "packs/pumps.kpack"
Attack = Callable[[Repository, Repository], None]
"""Changes the newer repository; the older one is at hand."""


def edit(path: Path, **fields: object) -> None:
    """Change what is signed, without the key."""
    metadata = json.loads(path.read_bytes())
    metadata["signed"] |= fields
    path.write_text(json.dumps(metadata))


def name_of(repository: Repository, role: str) -> str:
    version = repository.roles[role].signed.version
    return "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"


def tampered_target(now: Repository, old: Repository) -> None:
    payload = now.locate_payload(PUMPS)
    data = bytearray(payload.read_bytes())
    data[1000] ^= 1
    payload.write_bytes(data)


def truncated_target(now: Repository, old: Repository) -> None:
    os.truncate(now.locate_payload(PUMPS), 1000)


def longer_target(now: Repository, old: Repository) -> None:
    with now.locate_payload(PUMPS).open("ab") as file:
        file.write(b"more")


def older_target(now: Repository, old: Repository) -> None:
    now.locate_payload(PUMPS).write_bytes(old.locate_payload(PUMPS).read_bytes())


def tampered(role: str) -> Attack:
    def attack(now: Repository, old: Repository) -> None:
        edit(now.locate_metadata(name_of(now, role)), version=99)

    attack.__name__ = f"tampered_{role}"
    return attack


def tampered_root(now: Repository, old: Repository) -> None:
    shutil.copy(now.locate_metadata("1.root.json"), now.locate_metadata("2.root.json"))
    edit(now.locate_metadata("2.root.json"), version=2)


def no_metadata_at_all(role: str) -> Attack:
    def attack(now: Repository, old: Repository) -> None:
        now.locate_metadata(name_of(now, role)).write_bytes(b"<html>captive portal</html>")

    attack.__name__ = f"captive_portal_for_{role}"
    return attack


def missing(role: str) -> Attack:
    def attack(now: Repository, old: Repository) -> None:
        now.locate_metadata(name_of(now, role)).unlink()

    attack.__name__ = f"missing_{role}"
    return attack


def deeply_nested_timestamp(now: Repository, old: Repository) -> None:
    now.locate_metadata("timestamp.json").write_bytes(b"[" * 16_000)


def rollback_of_everything(now: Repository, old: Repository) -> None:
    shutil.rmtree(now.folder)
    shutil.copytree(old.folder, now.folder)


def old_snapshot_under_a_new_name(now: Repository, old: Repository) -> None:
    shutil.copy(old.locate_metadata(name_of(old, "snapshot")), now.locate_metadata(name_of(now, "snapshot")))


def old_targets_under_a_new_name(now: Repository, old: Repository) -> None:
    shutil.copy(old.locate_metadata(name_of(old, "targets")), now.locate_metadata(name_of(now, "targets")))


def targets_under_the_name_of_the_delegate(now: Repository, old: Repository) -> None:
    shutil.copy(now.locate_metadata(name_of(now, "targets")), now.locate_metadata(name_of(now, DELEGATE)))


def wrong_key(role: str) -> Attack:
    def attack(now: Repository, old: Repository) -> None:
        now.keys[role] = CryptoSigner.generate_ed25519()
        now.publish(*(() if role == "timestamp" else (role,)))

    attack.__name__ = f"wrong_key_of_{role}"
    return attack


def root_with_too_few_signatures(now: Repository, old: Repository) -> None:
    now.root.signed.version = 2
    now.publish_root(signers=["root-1"])


def root_of_somebody_else(now: Repository, old: Repository) -> None:
    other = Repository(now.folder.with_name("other"), foreign=True)
    now.root, now.keys = other.root, other.keys
    now.root.signed.version = 2
    now.publish_root()


def stolen_timestamp_key_to_go_back(now: Repository, old: Repository) -> None:
    now.roles["snapshot"] = old.roles["snapshot"]
    now.roles["targets"] = old.roles["targets"]
    now.roles["timestamp"].signed.version += 1
    now.sign()


def stolen_online_keys_to_go_back(now: Repository, old: Repository) -> None:
    now.roles["targets"] = old.roles["targets"]
    now.publish("snapshot")


def stolen_online_keys_to_forget_a_role(now: Repository, old: Repository) -> None:
    snapshot = now.roles["snapshot"].signed
    now.publish("snapshot")
    del snapshot.meta[f"{DELEGATE}.json"]
    snapshot.version += 1
    now.roles["timestamp"].signed.version += 1
    data = now._write("snapshot", f"{snapshot.version}.snapshot.json")
    meta = now.roles["timestamp"].signed.snapshot_meta
    meta.version, meta.length, meta.hashes = snapshot.version, len(data), None
    now._write("timestamp", "timestamp.json")


def another_file_of_the_same_version(now: Repository, old: Repository) -> None:
    """Signed by the right keys, and not what others were given under this number."""
    now.roles["timestamp"].signed.expires += DAY
    now.roles["snapshot"].signed.expires += DAY
    now.sign()


ON_PAYLOAD = [tampered_target, truncated_target, longer_target, older_target]
"""These leave the rest of a list, which is whole, to be installed; so do those on the delegate's."""

ATTACKS = [
    *ON_PAYLOAD, tampered("timestamp"), tampered("snapshot"), tampered("targets"), tampered(DELEGATE), tampered_root,
    no_metadata_at_all("timestamp"), no_metadata_at_all("snapshot"), no_metadata_at_all("targets"),
    missing("timestamp"), missing("snapshot"), missing("targets"), missing(DELEGATE), deeply_nested_timestamp,
    rollback_of_everything, old_snapshot_under_a_new_name, old_targets_under_a_new_name,
    targets_under_the_name_of_the_delegate,
    wrong_key("timestamp"), wrong_key("snapshot"), wrong_key("targets"), wrong_key(DELEGATE),
    root_with_too_few_signatures, root_of_somebody_else,
    stolen_timestamp_key_to_go_back, stolen_online_keys_to_go_back, stolen_online_keys_to_forget_a_role,
]  # fmt: skip
"""Against a device that has the older version and is offered the newer one."""

ON_DELEGATE = {
    f"tampered_{DELEGATE}", f"wrong_key_of_{DELEGATE}", f"missing_{DELEGATE}",
    "targets_under_the_name_of_the_delegate",
}  # fmt: skip


@pytest.fixture
def old(repository: Repository, make_pack: MakePack, tmp_path: Path) -> Repository:
    """The repository when it offered pumps 1.0 and a pack of the delegate."""
    repository.add_pack(make_pack(), publish=False)
    repository.add_pack(make_pack("acme-valves"), DELEGATE)
    return repository.copy(tmp_path / "old")


@pytest.fixture
def now(old: Repository, repository: Repository, make_pack: MakePack, tmp_path: Path) -> Repository:
    """The repository as it offers pumps 2.0 and another pack of the delegate's."""
    repository.add_pack(make_pack(version="2.0"))
    repository.add_pack(make_pack("acme-valves", "2.0"), DELEGATE)
    return repository.copy(tmp_path / "now")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack.__name__))
def test_an_attack_is_refused_and_leaves_no_trace(
    device: Device, road: Road, old: Repository, now: Repository, repository: Repository, attack: Attack
) -> None:
    before = {"pumps": "1.0", "acme-valves": "1.0"}
    assert device.sync(road(old)).error is None
    assert device.packs == before
    if attack in (rollback_of_everything, stolen_timestamp_key_to_go_back, stolen_online_keys_to_go_back):
        device.refresh(road(now.copy(now.folder.with_name("seen"))))  # it has seen the newer list
    attack(now, old)
    carrier = road(now)
    report = device.sync(carrier)
    assert isinstance(report.error, TrustError | CarrierError)
    assert report.error.hint
    assert carrier.name in report.error.message
    if attack in ON_PAYLOAD:
        before["acme-valves"] = "2.0"
    if attack.__name__ in ON_DELEGATE:
        before["pumps"] = "2.0"
    assert device.packs == before
    for role in repository.roles.values():
        role.signed.version = 20  # beyond what somebody with stolen keys could sign
    repository.sign()
    assert device.sync(road(repository)).error is None
    assert device.packs == {"pumps": "2.0", "acme-valves": "2.0"}


def test_each_payload_attack_names_the_target(
    device: Device, road: Road, now: Repository, old: Repository
) -> None:
    for attack in ON_PAYLOAD:
        mirror = now.copy(now.folder.with_name(attack.__name__))
        attack(mirror, old)
        report = device.sync(road(mirror))
        (refused,) = [outcome for outcome in report.outcomes if outcome.state is State.REFUSED]
        assert refused.error is not None
        assert refused.path == PUMPS
        assert "pumps.kpack" in refused.error.message
        assert device.packs == {"acme-valves": "2.0"}


def test_one_version_has_one_content(device: Device, road: Road, now: Repository) -> None:
    device.refresh(road(now))
    other = now.copy(now.folder.with_name("other"))
    another_file_of_the_same_version(other, now)
    shutil.rmtree(device.cache)
    with pytest.raises(TrustError, match="as before, and other contents"):
        device.refresh(road(other))


# The hole of the cache: python-tuf compares with its cache only


def damages() -> dict[str, Callable[[Path], None]]:
    def truncate(cache: Path) -> None:
        for path in cache.glob("*.json"):
            if not path.is_symlink():
                path.write_bytes(b"")

    def cut(cache: Path) -> None:
        for path in cache.glob("*.json"):
            if not path.is_symlink():
                os.truncate(path, path.stat().st_size // 2)

    def delete_online(cache: Path) -> None:
        for name in ("timestamp.json", "snapshot.json"):
            (cache / name).unlink()

    return {"truncated": truncate, "cut": cut, "without timestamp": delete_online, "deleted": shutil.rmtree}


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_cache_forgets_nothing(
    device: Device, road: Road, old: Repository, now: Repository, damage: str
) -> None:
    device.refresh(road(now))
    damages()[damage](device.cache)
    with pytest.raises(TrustError, match=r"\w+\.json has version \d+; \d+ has been seen") as refused:
        device.refresh(road(old))
    assert "newer" in refused.value.hint
    assert device.refresh(road(now)).version == now.roles["timestamp"].signed.version


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_cache_brings_no_revoked_key_back(
    device: Device, road: Road, repository: Repository, tmp_path: Path, damage: str
) -> None:
    revoked = repository.copy(tmp_path / "revoked")
    repository.rotate("targets", "timestamp")
    repository.publish("targets")
    device.refresh(road(repository))
    damages()[damage](device.cache)
    shutil.rmtree(device.cache / "root_history", ignore_errors=True)
    revoked.publish("targets", DELEGATE)
    revoked.publish("targets", DELEGATE)  # the old keys still sign, with ever higher versions
    with pytest.raises(TrustError, match=r"root\.json has version 1; 2 has been seen"):
        device.refresh(road(revoked))
    device.refresh(road(repository))


def test_a_root_is_remembered_even_if_the_rest_is_not_to_be_had(
    device: Device, road: Road, repository: Repository, tmp_path: Path
) -> None:
    revoked = repository.copy(tmp_path / "revoked")
    repository.rotate("timestamp")
    repository.locate_metadata("timestamp.json").unlink()
    with pytest.raises(CarrierError, match=r"timestamp\.json"):
        device.refresh(road(repository))
    shutil.rmtree(device.cache)
    with pytest.raises(TrustError, match="2 has been seen"):
        device.refresh(road(revoked))


@pytest.mark.parametrize("roles", [("timestamp",), ("snapshot",), ("timestamp", "snapshot")])
def test_the_publisher_recovers_from_a_fast_forward(
    device: Device, road: Road, repository: Repository, tmp_path: Path, roles: tuple[str, ...]
) -> None:
    """Somebody with the online keys signs the highest versions; new keys from the root make them void."""
    stolen = repository.copy(tmp_path / "stolen")
    for role in ("snapshot", "timestamp"):
        stolen.roles[role].signed.version = 2**31
    stolen.roles["timestamp"].signed.version = 2**31 if "timestamp" in roles else 5
    stolen.sign()
    device.refresh(road(stolen))
    with pytest.raises(TrustError):
        device.refresh(road(repository))
    repository.roles["timestamp"].signed.version = 9
    repository.rotate(*roles)
    assert device.refresh(road(repository)).version == 9


# Delegates


def test_a_delegate_stays_inside_its_path(
    device: Device, road: Road, old: Repository, make_pack: MakePack
) -> None:
    old.add_pack(make_pack(version="9.0"), DELEGATE)
    report = device.sync(road(old))
    assert device.packs == {"pumps": "1.0", "acme-valves": "1.0"}  # the publisher's own list has the say
    old.roles["targets"].signed.targets.clear()
    old.publish("targets")
    report = device.sync(road(old))
    (refused,) = [outcome for outcome in report.outcomes if outcome.error]
    assert refused.path == PUMPS
    assert "outside what acme may publish" in str(refused.error)
    assert device.packs["pumps"] == "1.0"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "acme-pumps"},
        {"name": "acme-pumps", "version": "9.0"},
        {"name": "acme-pumps", "database": "0" * 64},
    ],
)
def test_a_delegate_cannot_pass_a_foreign_pack_off_as_its_own(
    device: Device, road: Road, old: Repository, make_pack: MakePack, fields: dict[str, str]
) -> None:
    device.sync(road(old))
    old.add_pack(make_pack(version="9.0"), DELEGATE, **fields)
    report = device.sync(road(old))
    assert isinstance(report.error, TrustError)
    assert "holds pumps 9.0" in report.error.message
    assert device.packs == {"pumps": "1.0", "acme-valves": "1.0"}


# Endless data


def test_an_endless_file_in_a_folder_is_not_read_to_its_end(device: Device, old: Repository) -> None:
    for path in (old.locate_metadata("timestamp.json"), old.locate_payload(PUMPS)):
        honest = old.copy(old.folder.with_name(f"endless-{path.name}"))
        os.truncate(honest.folder / path.relative_to(old.folder), 1 << 40)
        error = device.sync(FolderCarrier(honest.folder)).error
        assert isinstance(error, CarrierError | TrustError)
        assert path.name in error.message


@pytest.mark.parametrize(
    "file", ["timestamp.json", "snapshot.json", "targets.json", "2.root.json", "pumps.kpack"]
)
def test_an_endless_answer_is_left(device: Device, old: Repository, file: str) -> None:
    with serve(old.folder) as mirror:
        mirror.ways[file] = ways.serve_endlessly
        error = device.sync(HttpsCarrier(mirror.address, Settings(home=old.folder))).error
        assert isinstance(error, CarrierError | TrustError)
        assert "longer than" in error.message
        assert mirror.sent < 2 * old.locate_payload(PUMPS).stat().st_size + (8 << 20)
    assert "pumps" not in device.packs


# Freeze


def test_a_mirror_cannot_hold_updates_back_for_ever(device: Device, old: Repository) -> None:
    with ExitStack() as stack, serve(old.folder) as mirror:
        carrier = stack.enter_context(closing(HttpsCarrier(mirror.address, Settings(home=old.folder))))
        device.clock = T0 + 89 * DAY
        device.refresh(carrier)
        device.clock = T0 + 91 * DAY
        for accept_stale in (False, True):
            with pytest.raises(TrustError, match=r"timestamp\.json expired on 2027-05-30; it is 91 days old"):
                device.refresh(carrier, accept_stale)
