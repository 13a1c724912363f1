"""Keys of subjects: an epoch each, sealed apart from the rows, erased for good."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.audit import export, upkeep
from edge.audit.keys import EPOCH_S, DataKeys
from edge.audit.store import LogStore
from edge.audit.verify import verify
from edge.errors import NotFoundError, StorageError
from tests.audit.conftest import OpenStore, make_row

NOW = 1_790_000_000


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[DataKeys]:
    with closing(DataKeys(tmp_path / "keys")) as made:
        yield made


def test_a_subject_has_one_key_for_90_days(keys: DataKeys) -> None:
    first = keys.get_current("anna", NOW)
    assert keys.get_current("anna", NOW + EPOCH_S - 1) == first
    second = keys.get_current("anna", NOW + EPOCH_S)
    assert (second.epoch, second.subject) == (first.epoch + 1, first.subject)
    assert second.key != first.key
    assert keys.find(first.subject, first.epoch) == first.key
    assert keys.get_current("ben", NOW).subject != first.subject


def test_a_clock_that_goes_back_brings_no_new_key(keys: DataKeys) -> None:
    assert keys.get_current("anna", NOW) == keys.get_current("anna", NOW - 10 * EPOCH_S)


def test_they_come_back_after_a_restart_and_names_do_not_stand_in_the_file(
    keys: DataKeys, tmp_path: Path
) -> None:
    made = keys.get_current("anna karenina", NOW)
    with closing(DataKeys(tmp_path / "keys")) as again:
        assert again.get_current("anna karenina", NOW) == made
        assert again.get_names() == {made.subject: "anna karenina"}
    data = b"".join(path.read_bytes() for path in (tmp_path / "keys").glob("keys.sqlite*"))
    assert b"karenina" not in data
    assert made.key not in data


def test_rotation_begins_new_keys_and_replaces_the_master_key(keys: DataKeys, tmp_path: Path) -> None:
    before = keys.get_current("anna", NOW)
    master = (tmp_path / "keys" / "master-1.key").read_bytes()
    assert keys.rotate(NOW + 5) == 1
    after = keys.get_current("anna", NOW + 6)
    assert after.epoch == before.epoch + 1
    assert keys.find(before.subject, before.epoch) == before.key
    assert [path.name for path in (tmp_path / "keys").glob("master-*")] == ["master-2.key"]
    assert (tmp_path / "keys" / "master-2.key").read_bytes() != master


def test_an_erased_subject_is_gone_also_from_an_older_copy_of_the_keys(
    keys: DataKeys, tmp_path: Path
) -> None:
    anna, ben = keys.get_current("anna", NOW), keys.get_current("ben", NOW)
    shutil.copy(tmp_path / "keys" / "keys.sqlite", tmp_path / "backup.sqlite")
    assert keys.erase(anna.subject) == 1
    assert keys.find(anna.subject, anna.epoch) is None
    assert keys.find(ben.subject, ben.epoch) == ben.key
    assert keys.get_names() == {ben.subject: "ben"}
    shutil.copytree(tmp_path / "keys", tmp_path / "restored")
    shutil.copy(tmp_path / "backup.sqlite", tmp_path / "restored" / "keys.sqlite")
    with pytest.raises(StorageError, match=r"master-1\.key"):
        DataKeys(tmp_path / "restored")


def test_epochs_that_had_ended_can_be_erased_alone(keys: DataKeys) -> None:
    old = keys.get_current("anna", NOW)
    new = keys.get_current("anna", NOW + EPOCH_S)
    assert keys.erase(old.subject, NOW + EPOCH_S) == 1
    assert keys.find(old.subject, old.epoch) is None
    assert keys.find(new.subject, new.epoch) == new.key
    assert keys.get_names() == {old.subject: "anna"}


def test_another_process_that_erases_is_followed(keys: DataKeys, tmp_path: Path) -> None:
    before = keys.get_current("anna", NOW)
    with closing(DataKeys(tmp_path / "keys")) as other:
        other.erase(before.subject)
    keys.refresh()
    after = keys.get_current("anna", NOW)
    assert after.subject != before.subject


@pytest.mark.parametrize("name", ["master-2.key", "master-1.key.new"])
def test_what_an_interrupted_rotation_left_does_no_harm(keys: DataKeys, tmp_path: Path, name: str) -> None:
    made = keys.get_current("anna", NOW)
    (tmp_path / "keys" / name).write_bytes(b"half")
    with closing(DataKeys(tmp_path / "keys")) as again:
        again.rotate(NOW)
        assert again.find(made.subject, made.epoch) == made.key


def test_a_wrong_master_key_is_told(keys: DataKeys, tmp_path: Path) -> None:
    keys.get_current("anna", NOW)
    (tmp_path / "keys" / "master-1.key").write_bytes(bytes(32))
    with pytest.raises(StorageError, match="do not belong"):
        DataKeys(tmp_path / "keys")


def test_an_erased_subject_is_unreadable_and_the_log_still_verifies(filled: LogStore) -> None:
    before = list(export.list_rows(filled))
    assert upkeep.erase(filled, "person 1") == 1
    after = list(export.list_rows(filled))[:300]
    for then, now in zip(before, after, strict=True):
        erased = then["who"] == "person 1"
        assert now["record"] == (None if erased else then["record"])
        assert now["who"] == (None if erased else then["who"])
    assert verify(filled).sound
    assert (filled.read_size(), verify(filled).rows) == (301, 301)
    with pytest.raises(NotFoundError, match="knows no 'person 1'"):
        upkeep.erase(filled, "person 1")
    with pytest.raises(NotFoundError):
        upkeep.erase(filled, "")


def test_what_somebody_asks_after_an_erasure_is_readable(open_store: OpenStore) -> None:
    server, command = open_store(), open_store()
    server.append([make_row(0, "anna")])
    upkeep.erase(command, "anna")
    server.append([make_row(1, "anna")])
    shown = {row["row"]: row["record"] for row in export.list_rows(command)}
    assert shown[0] is None
    assert "bolt 1" in shown[2]["question"]
