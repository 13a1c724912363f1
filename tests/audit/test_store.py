"""Rows are added in commits that are on the disk, by several processes, and can be proved."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest

from edge.audit.entry import Row
from edge.audit.merkle import check_consistency, check_inclusion, hash_leaf
from edge.audit.note import Checkpoint, open_checkpoint
from edge.audit.store import LogStore, open_log
from edge.errors import NotFoundError, StorageError
from tests.audit.conftest import OpenStore, make_row


def read_last(store: LogStore) -> Checkpoint:
    note = store.read_checkpoint()
    assert note is not None
    return open_checkpoint(note, store.key.public)


def test_rows_come_back_as_they_were_written(filled: LogStore) -> None:
    rows = list(filled.list_rows())
    assert [row.index for row in rows] == list(range(300))
    for row in (rows[0], rows[25], rows[299]):
        payload = filled.read_payload(row)
        assert payload is not None
        assert f"bolt {row.index}?".encode() in payload
        assert row.time == make_row(row.index).time
        assert b"bolt" not in row.payload


def test_every_commit_leaves_a_signed_checkpoint(filled: LogStore) -> None:
    sizes = [size for size, _ in filled.list_checkpoints()]
    assert sizes == [*range(1, 21), 90, 160, 230, 300]
    assert read_last(filled).size == 300
    assert read_last(filled).root == filled.make_tree().compute_root()


def test_every_row_is_proved_to_be_in_the_log_and_every_checkpoint_to_be_its_past(filled: LogStore) -> None:
    last, tree = read_last(filled), filled.make_tree()
    for row in list(filled.list_rows())[::17]:
        proof = tree.prove_inclusion(row.index)
        assert check_inclusion(hash_leaf(row.entry), row.index, last.size, proof, last.root)
    for size, _ in filled.list_checkpoints():
        note = filled.read_checkpoint(size)
        assert note is not None
        then = open_checkpoint(note, filled.key.public)
        assert check_consistency(size, then.root, last.size, last.root, tree.prove_consistency(size))


def test_two_processes_write_into_one_log(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    assert one.append([make_row(0)]) == [0]
    assert other.append([make_row(1), make_row(2)]) == [1, 2]
    assert one.append([make_row(3)]) == [3]
    assert read_last(other).root == other.make_tree().compute_root()
    assert len({row.subject for row in one.list_rows()}) == 3


def test_it_goes_on_after_it_was_closed(open_store: OpenStore) -> None:
    first = open_store()
    first.append([make_row(number) for number in range(260)])
    first.close()
    second = open_store(device="renamed")
    assert second.append([make_row(260)]) == [260]
    assert second.origin == first.origin
    assert second.origin.startswith("edge-audit/van-7/")


def test_nobody_else_reads_log_or_keys(filled: LogStore, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("device.key", "master-1.key", "keys.sqlite"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_rows_cannot_be_changed_by_accident(filled: LogStore, tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "audit" / "log.sqlite"))
    for statement in ("UPDATE entry SET time = 0 WHERE id = 5", "DELETE FROM entry WHERE id = 5"):
        with pytest.raises(apsw.ConstraintError, match="append only"):
            connection.execute(statement)
    connection.close()


def test_a_row_is_found_by_its_receipt_or_its_number(filled: LogStore) -> None:
    row = filled.get_row(123)
    assert filled.find_row(row.receipt) == row
    assert filled.find_row(bytes(32)) is None
    with pytest.raises(NotFoundError, match="no row 300"):
        filled.get_row(300)


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no audit log"):
        open_log(tmp_path / "audit", "van")
    assert not (tmp_path / "audit").exists()


def test_a_log_that_cannot_be_written_or_read_says_so(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        LogStore(tmp_path / "file" / "audit", "van")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "log.sqlite").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(StorageError, match="damaged"):
        open_store("other")


def test_the_entry_is_a_short_text() -> None:
    row = Row(7, 1764561234567, bytes(range(16)), 3, bytes(32), b"sealed")
    assert row.entry.decode().splitlines() == [
        "edge.audit/row@v1",
        "time 1764561234567",
        "subject 000102030405060708090a0b0c0d0e0f",
        "epoch 3",
        "payload ydADa+1nRLzfaS/JgNhxfX5fWk9Ogma0qEmCYC+xzQk=",
        "receipt AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ]
