from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import ExpiredMetadataError
from tuf.api.metadata import Metadata, TargetFile

from edge import files
from edge.errors import BusyError, NotFoundError, TrustError, UsageError
from edge.publish.content import add
from edge.publish.delegation import rotate
from edge.publish.keys import Keys
from edge.publish.repository import Repository
from edge.publish.store import RepositoryStore

Settings = Callable[..., Path]


def read_every_file(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# A new repository


def test_a_new_repository_is_one_that_devices_update_from(publisher: Any) -> None:
    assert publisher.make_device().read_versions() == {"root": 1, "targets": 1, "snapshot": 1, "timestamp": 1}
    names = sorted(path.name for path in (publisher.folder / "metadata").iterdir())
    assert names == ["1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"]


def test_its_dates_and_its_threshold(publisher: Any) -> None:
    state = publisher.repository.store.load()
    days = {role: (state.get(role).signed.expires - publisher.now).days for role in state.list_roles()}
    assert days == {"root": 730, "targets": 365, "snapshot": 365, "timestamp": 90}
    root = state.root.signed.roles["root"]
    assert (root.threshold, len(root.keyids)) == (2, 3)
    assert state.root.signed.consistent_snapshot


def test_every_key_is_another_and_none_is_in_the_repository(publisher: Any) -> None:
    names = sorted(path.name.rpartition("-")[0] for path in publisher.keys_folder.iterdir())
    assert names == ["root", "root", "root", "snapshot", "targets", "timestamp"]
    assert not any(b"PRIVATE" in data for data in read_every_file(publisher.folder).values())


@pytest.mark.parametrize(("count", "threshold"), [(3, 4), (0, 0), (2, 0), (17, 2)])
def test_a_threshold_that_cannot_be_is_refused(
    publisher: Any, tmp_path: Path, count: int, threshold: int
) -> None:
    with pytest.raises(UsageError, match="root keys"):
        Repository(tmp_path / "new").init(publisher.open_keys(), count, threshold)
    assert not (tmp_path / "new").exists()


def test_a_repository_is_not_made_twice(publisher: Any) -> None:
    before, keys = read_every_file(publisher.folder), sorted(publisher.keys_folder.iterdir())
    with pytest.raises(UsageError, match="already"):
        publisher.repository.init(publisher.open_keys())
    assert read_every_file(publisher.folder) == before
    assert sorted(publisher.keys_folder.iterdir()) == keys


def test_an_interrupted_init_can_be_done_again(
    publisher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "new", lambda: publisher.now)
    for step in ("release", "_finish_release"):
        with monkeypatch.context() as patch:
            patch.setattr(RepositoryStore, step, _interrupt)
            with pytest.raises(KeyboardInterrupt):
                repository.init(publisher.open_keys())
        if step == "release":
            with pytest.raises(NotFoundError, match="no repository"):
                repository.sign(publisher.open_keys())
    repository.refresh(publisher.open_keys())
    assert repository.view().state.timestamp.signed.version == 2


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_with_other_things_is_left_alone(publisher: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("Dear Sir")
    with pytest.raises(UsageError, match="something else"):
        Repository(tmp_path / "home").init(publisher.open_keys())
    with pytest.raises(UsageError, match="something else"):
        Repository(tmp_path / "home" / "letter.txt").init(publisher.open_keys())


def test_without_a_repository_there_is_nothing_to_change(publisher: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no repository") as error:
        Repository(tmp_path).sign(publisher.open_keys())
    assert "edge publish init" in error.value.hint
    assert not (tmp_path / ".lock").exists()


def test_a_clock_that_was_never_set_is_noticed(publisher: Any) -> None:
    publisher.now = datetime(1970, 1, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="1970-01-01"):
        publisher.repository.refresh(publisher.open_keys())


# Staying fresh


def test_refresh_signs_the_timestamp_and_nothing_else(publisher: Any) -> None:
    device = publisher.make_device()
    device.refresh()
    for role in ("root", "targets", "snapshot"):
        publisher.lock_away(role, "away")
    publisher.wait_days(60)
    outcome = publisher.repository.refresh(publisher.open_keys())
    assert [(one.role, one.version) for one in outcome.released] == [("timestamp", 2)]
    assert outcome.released[0].expires == publisher.now + timedelta(days=90)
    publisher.wait_days(80)
    device.now = publisher.now
    assert device.read_versions() == {"root": 1, "targets": 1, "snapshot": 1, "timestamp": 2}


def test_without_refresh_devices_stop_updating(publisher: Any) -> None:
    publisher.wait_days(91)
    with pytest.raises(ExpiredMetadataError):
        publisher.make_device().refresh()
    publisher.repository.refresh(publisher.open_keys())
    publisher.make_device().refresh()


def test_refresh_needs_the_key_of_timestamp(publisher: Any) -> None:
    publisher.lock_away("timestamp", "away")
    before = read_every_file(publisher.folder)
    with pytest.raises(NotFoundError, match="key of timestamp") as error:
        publisher.repository.refresh(publisher.open_keys())
    assert "timestamp-" in error.value.hint
    assert read_every_file(publisher.folder) == before


def test_refresh_tells_what_has_expired_all_the_same(publisher: Any) -> None:
    publisher.wait_days(366)
    assert publisher.repository.refresh(publisher.open_keys()).stale == ("targets", "snapshot")


def test_sign_renews_what_has_less_than_a_third_of_its_time_left(publisher: Any) -> None:
    publisher.wait_days(240)
    assert [one.role for one in publisher.repository.sign(publisher.open_keys()).released] == ["timestamp"]
    publisher.wait_days(10)
    released = publisher.repository.sign(publisher.open_keys()).released
    assert [(one.role, one.version) for one in released] == [
        ("targets", 2),
        ("snapshot", 2),
        ("timestamp", 3),
    ]
    assert publisher.repository.sign(publisher.open_keys()).released == ()
    publisher.make_device().refresh()


def test_a_repository_that_has_expired_as_a_whole_comes_back(publisher: Any) -> None:
    publisher.wait_days(1000)
    released = publisher.repository.sign(publisher.open_keys()).released
    assert {one.role for one in released} == {"root", "targets", "snapshot", "timestamp"}
    assert publisher.make_device().read_versions() == {"root": 2, "targets": 2, "snapshot": 2, "timestamp": 2}


# Signatures from several holders


def test_what_lacks_signatures_waits_and_is_not_published(publisher: Any, settings_file: Settings) -> None:
    sticks = publisher.spread_root_keys()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, "targets")
        outcome = change.finish()
    assert [(lack.role, lack.count) for lack in outcome.missing] == [("root", 2)]
    assert any("may no longer sign" in line for line in outcome.waiting)
    assert not (publisher.folder / "metadata" / "2.root.json").exists()
    publisher.make_device().refresh()

    (one_more,) = publisher.repository.sign(publisher.open_keys(sticks[1])).missing
    assert (one_more.role, one_more.count, len(one_more.keyids)) == ("root", 1, 2)
    outcome = publisher.repository.sign(publisher.open_keys(sticks[2]))
    assert ("root", 2) in [(one.role, one.version) for one in outcome.released]
    assert outcome.missing == outcome.waiting == ()
    publisher.add(settings_file())
    assert publisher.make_device().get("policy/config.toml") == settings_file().read_bytes()


def test_what_is_complete_goes_out_while_other_things_wait(publisher: Any, settings_file: Settings) -> None:
    sticks = publisher.spread_root_keys()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, "root")
        change.finish()
    _, outcome = publisher.add(settings_file())
    assert {one.role for one in outcome.released} == {"targets", "snapshot", "timestamp"}
    assert {lack.role for lack in outcome.missing} == {"root"}
    assert publisher.make_device().get("policy/config.toml")
    publisher.repository.sign(publisher.open_keys(*sticks))
    assert publisher.make_device().read_versions()["root"] == 2


def test_keys_in_different_places_sign_one_after_the_other(publisher: Any, settings_file: Settings) -> None:
    """The timestamp's key on a server, targets' and snapshot's each on a stick of its own."""
    for role in ("targets", "snapshot", "timestamp"):
        publisher.lock_away(role, role)
    _, outcome = publisher.add(settings_file(), "keys")
    assert [lack.role for lack in outcome.missing] == ["targets", "snapshot", "timestamp"]
    for role, then in (
        ("targets", ["snapshot", "timestamp"]),
        ("snapshot", ["timestamp"]),
        ("timestamp", []),
    ):
        assert publisher.make_device().get("policy/config.toml") is None
        outcome = publisher.repository.sign(publisher.open_keys(role))
        assert [lack.role for lack in outcome.missing] == then
    assert publisher.make_device().get("policy/config.toml") == settings_file().read_bytes()


def test_signing_again_with_the_same_key_adds_nothing(publisher: Any) -> None:
    sticks = publisher.spread_root_keys()
    with publisher.repository.change(publisher.open_keys(sticks[0], "keys")) as change:
        rotate(change, "targets")
        before = change.finish()
    again = publisher.repository.sign(publisher.open_keys(sticks[0]))
    assert (again.released, again.missing) == ((), before.missing)


def test_others_see_what_they_sign_and_may_refuse(publisher: Any) -> None:
    sticks = publisher.spread_root_keys()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, "timestamp")
        change.finish()
    shown: list[str] = []

    def refuse(waiting: tuple[str, ...]) -> None:
        shown.extend(waiting)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Repository(publisher.folder, lambda: publisher.now, refuse).sign(publisher.open_keys(*sticks))
    assert [line.split(": key ")[0] for line in shown] == ["timestamp", "timestamp"]
    assert publisher.make_device().read_versions()["root"] == 1


def test_what_waits_can_be_dropped(publisher: Any) -> None:
    publisher.spread_root_keys()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, "timestamp")
        change.finish()
    assert len(publisher.repository.discard()) == 2
    assert publisher.repository.view().waiting == publisher.repository.discard() == ()
    assert publisher.repository.sign(publisher.open_keys()).missing == ()


# Company


def test_one_process_at_a_time_changes_a_repository(
    publisher: Any, monkeypatch: pytest.MonkeyPatch, settings_file: Settings
) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.0)
    with files.hold_lock(publisher.folder / ".lock", "testing"):
        for call in (
            lambda: publisher.repository.refresh(publisher.open_keys()),
            lambda: publisher.add(settings_file()),
            lambda: publisher.repository.sign(publisher.open_keys()),
        ):
            with pytest.raises(BusyError, match="changing the repository"):
                call()
        assert publisher.repository.view().waiting == ()  # looking is not held up


def _refresh(folder: Path, keys: Path, start: Any) -> None:
    from edge.publish import keys as keys_module

    class Passphrase:
        def list_candidates(self, file: str) -> Any:
            return iter(["correct horse"])

        def create(self, file: str) -> str:
            raise NotImplementedError

    keys_module.ITERATIONS = 1
    start.wait()
    for _ in range(5):
        Repository(folder).refresh(Keys([keys], Passphrase(), folder))


def test_two_publishers_at_once(publisher: Any) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    arguments = (publisher.folder, publisher.keys_folder, start)
    workers = [context.Process(target=_refresh, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert publisher.make_device().read_versions()["timestamp"] == 11


# Somebody else's hand in the folder


@pytest.mark.parametrize("name", ["1.root.json", "1.targets.json", "1.snapshot.json", "timestamp.json"])
@pytest.mark.parametrize("damage", ["edit", "cut", "remove"])
def test_what_was_changed_is_not_signed_again(
    publisher: Any, settings_file: Settings, name: str, damage: str
) -> None:
    path = publisher.folder / "metadata" / name
    if damage == "remove":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(
            data[:-40] if damage == "cut" else data.replace(b'"expires":"20', b'"expires":"30', 1)
        )
    with pytest.raises((TrustError, NotFoundError)) as error:
        publisher.add(settings_file())
    if not (name == "timestamp.json" and damage == "remove"):
        assert name in error.value.message or "root.json" in error.value.message
        assert "copy" in error.value.hint


def test_a_pack_slipped_into_what_waits_is_shown_before_it_is_signed(publisher: Any) -> None:
    publisher.lock_away("targets", "away")
    draft: Metadata[Any] = Metadata.from_bytes(
        (publisher.folder / "metadata" / "1.targets.json").read_bytes()
    )
    draft.signed.version = 2
    draft.signatures.clear()
    draft.signed.targets["packs/evil.kpack"] = TargetFile(9, {"sha256": "0" * 64}, "packs/evil.kpack")
    (publisher.folder / ".pending" / "targets.json").write_bytes(draft.to_bytes())
    shown: list[str] = []
    repository = Repository(publisher.folder, lambda: publisher.now, shown.extend)
    repository.sign(publisher.open_keys())
    assert any("packs/evil.kpack" in line for line in shown)
    assert publisher.make_device().get("packs/evil.kpack") is None


def test_damaged_drafts_stop_what_needs_them_and_nothing_else(publisher: Any) -> None:
    draft = publisher.folder / ".pending" / "targets.json"
    draft.write_text("{")
    with pytest.raises(TrustError, match=r"targets\.json is damaged"):
        publisher.repository.sign(publisher.open_keys())
    publisher.repository.refresh(publisher.open_keys())
    assert draft.exists()
    assert "damaged" in publisher.repository.discard()[0]
    publisher.repository.sign(publisher.open_keys())


def test_adding_finishes_what_it_began(publisher: Any, settings_file: Settings) -> None:
    with publisher.repository.change(publisher.open_keys()) as change:
        add(change, settings_file())
        assert publisher.make_device().get("policy/config.toml") is None
        change.finish()
    assert publisher.make_device().get("policy/config.toml")
