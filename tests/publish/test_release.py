"""Whatever happens while a release goes out, a device finds metadata that it can verify."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import RepositoryError

from edge.errors import StorageError
from edge.publish.content import add
from edge.publish.delegation import revoke, rotate
from tests.faults import fail, kill_at_every_step, limit_file_size

Settings = Callable[..., Path]
POLICY = "policy/config.toml"


def rotate_key(publisher: Any, role: str, *folders: str) -> Any:
    with publisher.repository.change(publisher.open_keys(*folders)) as change:
        rotate(change, role)
        return change.finish()


# Keys that change hands


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_after_a_rotation_old_and_new_devices_update(
    publisher: Any, settings_file: Settings, role: str
) -> None:
    old = publisher.make_device("old")
    old.refresh()
    before = publisher.repository.store.load().root.signed.roles[role].keyids
    assert rotate_key(publisher, role).missing == ()
    after = publisher.repository.store.load().root.signed.roles[role].keyids
    assert len(after) == len(before)
    assert not set(after) & set(before)
    publisher.add(settings_file())
    for device in (old, publisher.make_device("new")):
        assert device.get(POLICY) == settings_file().read_bytes()
        assert device.read_versions()["root"] == 2


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_the_old_keys_are_of_no_use_after_a_rotation(
    publisher: Any, settings_file: Settings, role: str
) -> None:
    (publisher.home / "old").mkdir()
    for path in publisher.keys_folder.glob(f"{role}-*"):
        shutil.copy(path, publisher.home / "old")
    rotate_key(publisher, role)
    publisher.lock_away(role, "new")
    if role == "root":
        assert {lack.role for lack in rotate_key(publisher, "timestamp", "keys", "old").missing} == {"root"}
    else:
        _, outcome = publisher.add(settings_file(), "keys", "old")
        assert role in {lack.role for lack in outcome.missing}


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
def test_a_key_that_was_lost_is_replaced_without_it(
    publisher: Any, settings_file: Settings, role: str
) -> None:
    old = publisher.make_device("old")
    old.refresh()
    (path,) = publisher.keys_folder.glob(f"{role}-*.pem")
    path.unlink()
    with publisher.repository.change(publisher.open_keys()) as change:
        (new,) = revoke(change, role, path.stem.rpartition("-")[2])
        assert change.finish().missing == ()
    assert list(publisher.keys_folder.glob(f"{role}-{new[:12]}.pem"))
    publisher.add(settings_file())
    for device in (old, publisher.make_device("new")):
        assert device.get(POLICY) == settings_file().read_bytes()


def test_a_lost_root_key_is_replaced_by_the_others(publisher: Any) -> None:
    sticks = publisher.spread_root_keys()
    lost = next((publisher.home / sticks[0]).iterdir()).stem.rpartition("-")[2]
    with publisher.repository.change(publisher.open_keys("keys", *sticks[1:])) as change:
        revoke(change, "root", lost)
        assert change.finish().missing == ()
    root = publisher.repository.store.load().root.signed.roles["root"]
    assert (root.threshold, len(root.keyids)) == (2, 3)
    assert not any(keyid.startswith(lost) for keyid in root.keyids)
    publisher.make_device().refresh()


def test_root_changes_only_with_enough_of_the_old_keys(publisher: Any) -> None:
    """New keys alone, however many, do not make a root that devices follow."""
    sticks = publisher.spread_root_keys()
    outcome = rotate_key(publisher, "root", "keys", sticks[0])
    (lack,) = outcome.missing
    assert (lack.role, lack.count, len(lack.keyids)) == ("root", 1, 2)
    assert publisher.make_device().read_versions()["root"] == 1
    publisher.repository.sign(publisher.open_keys(sticks[1]))
    assert publisher.make_device().read_versions()["root"] == 2


def test_a_new_root_waits_for_metadata_that_it_vouches_for(publisher: Any) -> None:
    """Root is signed on another day than the timestamp, by somebody who does not have its new key."""
    sticks = publisher.spread_root_keys()
    for path in publisher.keys_folder.glob("timestamp-*.pem"):
        path.unlink()
    outcome = rotate_key(publisher, "timestamp")
    assert {lack.role for lack in outcome.missing} == {"root"}
    outcome = publisher.repository.sign(publisher.open_keys(*sticks))
    assert [lack.role for lack in outcome.missing] == ["timestamp"]
    assert publisher.make_device().read_versions()["root"] == 1
    publisher.repository.sign(publisher.open_keys())
    assert publisher.make_device().read_versions() == {"root": 2, "targets": 1, "snapshot": 1, "timestamp": 2}


def test_while_keys_change_the_timestamp_is_signed_with_both(publisher: Any) -> None:
    """So that the holders of root can sign later, without it."""
    sticks = publisher.spread_root_keys()
    rotate_key(publisher, "timestamp")
    assert publisher.make_device().read_versions()["timestamp"] == 2
    outcome = publisher.repository.sign(publisher.open_keys(*sticks))
    assert [(one.role, one.version) for one in outcome.released] == [("root", 2)]
    publisher.make_device().refresh()


# Crashes


def run_change(home: Path) -> None:
    """Run the change that is killed: to be found in ``home/work``."""
    from tests.publish.conftest import Publisher, keys_module

    keys_module.ITERATIONS = 1
    publisher: Any = Publisher(home)
    what = (home / "work").read_text()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, what) if what in ("root", "timestamp") else add(change, Path(what))
        change.finish()


def collect_survivors(publisher: Any, what: str) -> list[Any]:
    """Return the publisher as each crash left it, with a device that had updated before."""
    publisher.make_device().refresh()
    (publisher.home / "work").write_text(what)
    homes = kill_at_every_step(publisher.home, run_change)
    assert len(homes) > 20
    return [type(publisher)(home, publisher.now) for home in homes]


def test_killed_while_adding_a_device_sees_the_old_or_the_new(
    publisher: Any, settings_file: Settings
) -> None:
    publisher.add(settings_file("passages = 3\n"))
    newer = settings_file("passages = 4\n", "newer.toml")
    seen = set()
    for survivor in collect_survivors(publisher, str(newer)):
        for device in (survivor.make_device(), survivor.make_device("new")):
            seen.add(device.get(POLICY))
        survivor.add(newer)
        assert survivor.make_device().get(POLICY) == newer.read_bytes()
        assert list((survivor.folder / ".pending").iterdir()) == []
    assert seen == {b"passages = 3\n", b"passages = 4\n"}


@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_killed_while_keys_change_no_device_is_left_behind(publisher: Any, role: str) -> None:
    seen = set()
    for survivor in collect_survivors(publisher, role):
        for device in (survivor.make_device(), survivor.make_device("new")):
            seen.add(device.read_versions()["root"])
        survivor.repository.sign(survivor.open_keys())
        assert survivor.repository.view().waiting == ()
        survivor.make_device().refresh()
    assert seen == {1, 2}


def test_a_release_that_has_begun_is_finished_without_any_key(
    publisher: Any, settings_file: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("edge.publish.store.RepositoryStore._finish_release", lambda self: os.kill)
        publisher.add(settings_file())
    assert publisher.repository.store.is_interrupted()
    assert publisher.make_device().get(POLICY) is None
    with publisher.repository.lock():
        pass
    assert publisher.make_device().get(POLICY) == settings_file().read_bytes()


def test_where_an_old_key_is_lost_the_gap_closes_with_the_next_change(
    publisher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between root and timestamp: devices refuse, keep what they have and catch up afterwards."""
    device = publisher.make_device()
    device.refresh()
    (lost,) = publisher.keys_folder.glob("timestamp-*.pem")
    lost.unlink()
    replace = os.replace

    def stop(source: Path, target: Path) -> None:
        if Path(target).name == "timestamp.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(StorageError):
            rotate_key(publisher, "timestamp")
    with pytest.raises(RepositoryError):
        device.refresh()
    publisher.repository.store.recover()
    assert device.read_versions() == {"root": 2, "targets": 1, "snapshot": 1, "timestamp": 2}


# A failing disk


@pytest.mark.parametrize("call", ["mkdir", "replace", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failing_disk_leaves_the_old_or_the_new_and_a_clear_error(
    publisher: Any, settings_file: Settings, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """The n-th call fails, for every n."""
    publisher.add(settings_file("passages = 3\n"))
    newer = settings_file("passages = 4\n", "newer.toml")
    for number in range(100):
        home = publisher.home.parent / f"failed-{number}"
        shutil.copytree(publisher.home, home)
        victim = type(publisher)(home, publisher.now)
        try:
            with monkeypatch.context() as patch:
                fail(patch, call, code, number)
                victim.add(newer)
            break
        except StorageError:
            assert victim.make_device().get(POLICY) in (b"passages = 3\n", b"passages = 4\n")
        victim.add(newer)
        assert victim.make_device().get(POLICY) == b"passages = 4\n"
    assert number > 0


def test_a_disk_that_is_full_while_it_is_written_to(publisher: Any, packs: Sequence[Path]) -> None:
    with limit_file_size(packs[0].stat().st_size // 2), pytest.raises(StorageError):
        publisher.add(packs[0])
    assert publisher.make_device().get("packs/pumps.kpack") is None
    publisher.add(packs[0])
    assert publisher.make_device().get("packs/pumps.kpack") == packs[0].read_bytes()
