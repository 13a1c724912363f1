from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from tuf.api.metadata import Metadata, TargetFile

from edge.errors import NotFoundError, UsageError
from edge.publish.delegation import MAX_DELEGATES, delegate, expand_patterns, revoke, rotate
from edge.publish.keys import read_public_key

PUMPS = "packs/pumps.kpack"


def apply_change(publisher: Any, what: Callable[..., Any], *arguments: Any, keys: Sequence[str] = ()) -> Any:
    with publisher.repository.change(publisher.open_keys(*keys)) as change:
        what(change, *arguments)
        return change.finish()


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        (["acme-*"], ["packs/acme-*.kpack", "deltas/acme-*/*.kdelta"]),
        (["packs/acme-*.kpack"], ["packs/acme-*.kpack", "deltas/acme-*/*.kdelta"]),
        (
            ["a, b"],
            ["packs/a.kpack", "deltas/a/*.kdelta", "packs/b.kpack", "deltas/b/*.kdelta"],
        ),
        (["models/acme-*.gguf"], ["models/acme-*.gguf"]),
        (["a", "a"], ["packs/a.kpack", "deltas/a/*.kdelta"]),
    ],
)
def test_paths_are_named_by_packs_or_as_they_are(patterns: list[str], paths: list[str]) -> None:
    assert expand_patterns(patterns) == paths


@pytest.mark.parametrize(
    "pattern", ["", "/", "../x", "packs/../root", "other/x", "A B", "packs//x", "/packs/x", "ä"]
)
def test_a_pattern_that_names_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="names nothing"):
        expand_patterns([pattern])


def test_devices_ignore_what_a_delegate_signs_outside_its_paths(
    publisher: Any, packs: Sequence[Path]
) -> None:
    """The refusal at signing time is a courtesy: this is what a thief of the delegate's key could do."""
    apply_change(publisher, delegate, "acme", ["valves-*"])
    data = b"evil"
    with publisher.repository.change(publisher.open_keys()) as change:
        entry = TargetFile.from_data(PUMPS, data, ["sha256"])
        change.edit("acme").targets[PUMPS] = entry
        (publisher.home / "evil").write_bytes(data)
        (publisher.folder / "targets" / "packs").mkdir(parents=True, exist_ok=True)
        change.store.put(publisher.home / "evil", f"packs/{entry.hashes['sha256']}.pumps.kpack")
        assert change.finish().missing == ()
    assert publisher.make_device().get(PUMPS) is None


def test_a_delegates_key_goes_into_the_keys_folder(publisher: Any) -> None:
    outcome = apply_change(publisher, delegate, "acme", ["acme-*"])
    (path,) = publisher.keys_folder.glob("acme-*.pem")
    assert path.stem[5:] in " ".join(outcome.changes)
    assert [one.role for one in outcome.released] == ["acme", "targets", "snapshot", "timestamp"]


def test_a_delegate_may_bring_a_key_that_headquarters_never_sees(
    publisher: Any, packs: Sequence[Path], tmp_path: Path
) -> None:
    private = Ed25519PrivateKey.generate()
    (publisher.home / "theirs").mkdir()
    (publisher.home / "theirs" / "acme.pem").write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct horse"))
    )
    public = tmp_path / "public.pem"
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    outcome = apply_change(publisher, delegate, "acme", ["pumps"], read_public_key(public))
    assert [lack.role for lack in outcome.missing] == ["acme"]
    publisher.make_device().refresh()
    outcome = publisher.repository.sign(publisher.open_keys("theirs"))
    assert [lack.role for lack in outcome.missing] == ["snapshot", "timestamp"]
    assert publisher.repository.sign(publisher.open_keys()).missing == ()
    publisher.add(packs[0], "theirs", "keys", role="acme")
    assert publisher.make_device().get(PUMPS) == packs[0].read_bytes()


def test_paths_of_a_delegate_can_be_changed(publisher: Any) -> None:
    apply_change(publisher, delegate, "acme", ["acme-*"])
    outcome = apply_change(publisher, delegate, "acme", ["acme-*", "apex-*"])
    assert any("packs/apex-*.kpack" in line for line in outcome.changes)
    assert len(list(publisher.keys_folder.glob("acme-*"))) == 1
    with pytest.raises(UsageError, match="already"):
        apply_change(publisher, delegate, "acme", [])


@pytest.mark.parametrize("name", ["root", "timestamp", "Acme", "a b", "../x", "a.b", "", "x" * 65])
def test_a_name_that_cannot_be_is_refused(publisher: Any, name: str) -> None:
    with pytest.raises(UsageError, match="no name"):
        apply_change(publisher, delegate, name, ["x"])
    assert len(list(publisher.keys_folder.iterdir())) == 6


def test_a_delegate_without_paths_is_refused_before_a_key_is_made(publisher: Any) -> None:
    with pytest.raises(UsageError, match="What may acme publish"):
        apply_change(publisher, delegate, "acme", [])
    assert len(list(publisher.keys_folder.iterdir())) == 6


def test_there_are_no_more_delegates_than_devices_visit(publisher: Any) -> None:
    with publisher.repository.change(publisher.open_keys()) as change:
        for index in range(MAX_DELEGATES):
            delegate(change, f"d{index}", [f"d{index}-*"])
        with pytest.raises(UsageError, match="delegates already"):
            delegate(change, "one-more", ["x"])
        change.finish()
    publisher.make_device().refresh()


# Revoking


def test_a_revoked_delegate_is_gone_at_once_and_without_its_key(
    publisher: Any, packs: Sequence[Path]
) -> None:
    apply_change(publisher, delegate, "acme", ["pumps"])
    publisher.add(packs[0], role="acme")
    old = publisher.make_device("old")
    assert old.get(PUMPS)
    publisher.lock_away("acme", "stolen")
    assert apply_change(publisher, revoke, "acme").missing == ()
    for device in (old, publisher.make_device("new")):
        assert device.get(PUMPS) is None
    with pytest.raises(NotFoundError, match="no role 'acme'"):
        publisher.add(packs[1], "stolen", "keys", role="acme")
    publisher.add(packs[1])
    assert old.get(PUMPS) == packs[1].read_bytes()


def test_a_delegate_that_comes_back_does_not_count_from_one(publisher: Any, packs: Sequence[Path]) -> None:
    """Devices that knew it would take a lower version for an attack."""
    apply_change(publisher, delegate, "acme", ["pumps"])
    publisher.add(packs[0], role="acme")
    old = publisher.make_device("old")
    assert old.get(PUMPS)
    apply_change(publisher, revoke, "acme")
    apply_change(publisher, delegate, "acme", ["pumps"])
    publisher.add(packs[1], role="acme")
    assert old.get(PUMPS) == packs[1].read_bytes()
    assert (publisher.folder / "metadata" / "4.acme.json").exists()


def test_a_delegates_lost_key_is_replaced_and_its_packs_stay(publisher: Any, packs: Sequence[Path]) -> None:
    apply_change(publisher, delegate, "acme", ["pumps"])
    publisher.add(packs[0], role="acme")
    (lost,) = publisher.keys_folder.glob("acme-*.pem")
    lost.unlink()
    assert apply_change(publisher, revoke, "acme", lost.stem[5:]).missing == ()
    assert publisher.make_device().get(PUMPS) == packs[0].read_bytes()
    publisher.add(packs[1], role="acme")


def test_a_delegates_keys_can_be_rotated(publisher: Any, packs: Sequence[Path]) -> None:
    apply_change(publisher, delegate, "acme", ["pumps"])
    publisher.add(packs[0], role="acme")
    assert apply_change(publisher, rotate, "acme").missing == ()
    assert publisher.make_device().get(PUMPS)


def test_a_top_level_role_keeps_a_key(publisher: Any) -> None:
    with pytest.raises(UsageError, match="cannot be without a key"):
        apply_change(publisher, revoke, "timestamp")


@pytest.mark.parametrize("prefix", ["0123456789ab", "0", "g"])
def test_a_key_that_is_not_the_roles_is_not_found(publisher: Any, prefix: str) -> None:
    with pytest.raises(NotFoundError, match="has no key") as error:
        apply_change(publisher, revoke, "timestamp", prefix)
    keyid = publisher.repository.store.load().root.signed.roles["timestamp"].keyids[0]
    assert keyid[:12] in error.value.hint


@pytest.mark.parametrize("call", [revoke, rotate])
def test_a_role_that_is_not_there_is_not_found(publisher: Any, call: Callable[..., Any]) -> None:
    with pytest.raises(NotFoundError, match="no role 'acme'") as error:
        apply_change(publisher, call, "acme")
    assert "timestamp" in error.value.hint


def test_rotating_again_while_it_waits_is_refused(publisher: Any) -> None:
    sticks = publisher.spread_root_keys()
    apply_change(publisher, rotate, "timestamp")
    with pytest.raises(UsageError, match="wait for signatures already") as error:
        apply_change(publisher, rotate, "timestamp")
    assert "--discard" in error.value.hint
    assert len(list(publisher.keys_folder.glob("timestamp-*"))) == 2
    apply_change(publisher, rotate, "snapshot")
    publisher.repository.sign(publisher.open_keys(*sticks))
    assert publisher.make_device().read_versions()["root"] == 2


def test_what_was_revoked_stays_in_the_snapshot(publisher: Any) -> None:
    """TUF: a role that a device has seen may not vanish from the snapshot."""
    apply_change(publisher, delegate, "acme", ["acme-*"])
    apply_change(publisher, revoke, "acme")
    newest = sorted((publisher.folder / "metadata").glob("*.snapshot.json"))[-1]
    snapshot: Metadata[Any] = Metadata.from_file(str(newest))
    assert "acme.json" in snapshot.signed.meta
