"""Whatever is changed in a log is found, and the first row that differs is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import apsw
import pytest

from edge.audit.store import LogStore
from edge.audit.verify import Verdict, check_head, verify
from edge.errors import StorageError

Change = Callable[[apsw.Connection], object]
ROWS = 300
TIMES = 100


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 300 rows as in ``filled``, closed."""
    from tests.audit.conftest import make_row

    folder = tmp_path_factory.mktemp("saved") / "audit"
    with closing(LogStore(folder, "van 7")) as store:
        for number in range(20):
            store.append([make_row(number)])
        for start in range(20, ROWS, 70):
            store.append([make_row(number) for number in range(start, start + 70)])
    return folder


@contextmanager
def changed(saved: Path, folder: Path, change: Change) -> Iterator[LogStore]:
    """A copy of the log that somebody with the file has changed."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(saved, folder)
    with closing(apsw.Connection(str(folder / "log.sqlite"))) as connection:
        connection.execute("DROP TRIGGER entry_stays; DROP TRIGGER entry_lasts")
        change(connection)
    with closing(LogStore(folder, "van 7")) as store:
        yield store


def judge(saved: Path, folder: Path, change: Change) -> Verdict:
    with changed(saved, folder, change) as store:
        return verify(store)


def test_a_sound_log_is_sound(saved: Path, tmp_path: Path) -> None:
    seen = []
    with changed(saved, tmp_path / "audit", lambda connection: None) as store:
        assert verify(store, lambda done, total: seen.append((done, total))) == Verdict(ROWS)
        assert check_head(store) == Verdict(ROWS)
    assert seen[-1] == (ROWS, ROWS)


def test_a_log_without_rows_is_sound(store: LogStore) -> None:
    assert verify(store) == check_head(store) == Verdict(0)


def flip(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


@pytest.mark.parametrize("times", [TIMES, pytest.param(10 * TIMES, marks=pytest.mark.slow)])
def test_every_edit_of_a_byte_cut_exchange_and_insertion_is_found_and_located(
    saved: Path, tmp_path: Path, times: int
) -> None:
    """Changes in a column of a row, or of whole rows. Each names the row it was done to."""
    folder = tmp_path / "audit"
    shutil.copytree(saved, folder)
    random = Random(1)
    with (
        closing(LogStore(folder, "van 7")) as store,
        closing(apsw.Connection(str(folder / "log.sqlite"))) as file,
    ):
        file.execute("DROP TRIGGER entry_stays; DROP TRIGGER entry_lasts")
        for _ in range(times):
            file.execute("SAVEPOINT before")
            row = make_change(file, random)
            found = verify_within(store, file)
            assert (found.row, found.sound) == (row, False)
            file.execute("ROLLBACK TO before; RELEASE before")


def verify_within(store: LogStore, connection: apsw.Connection) -> Verdict:
    """Verify what a connection sees before it commits."""
    store._connection, ours = connection, store._connection
    try:
        return verify(store)
    finally:
        store._connection = ours


def make_change(file: apsw.Connection, random: Random) -> int:
    """Change something, and return the first row that is not as it was."""
    row = random.randrange(ROWS - 1)
    kind = random.choice(["edit", "edit", "edit", "exchange", "cut", "insert", "tail"])
    if kind == "edit":
        column = random.choice(["payload", "receipt", "subject", "time", "epoch"])
        ((value,),) = file.execute(f"SELECT {column} FROM entry WHERE id = ?", (row,))
        new = flip(value, random) if isinstance(value, bytes) else value ^ 1 << random.randrange(30)
        file.execute(f"UPDATE entry SET {column} = ? WHERE id = ?", (new, row))
    elif kind == "exchange":
        file.execute("UPDATE entry SET id = -1 WHERE id = ?", (row,))
        file.execute("UPDATE entry SET id = ? WHERE id = ?", (row, row + 1))
        file.execute("UPDATE entry SET id = ? WHERE id = -1", (row + 1,))
    elif kind == "cut":
        file.execute("DELETE FROM entry WHERE id = ?", (row,))
        if random.random() < 0.5:  # the others close up
            file.execute("UPDATE entry SET id = id - 1001 WHERE id > ?", (row,))
            file.execute("UPDATE entry SET id = id + 1000 WHERE id < 0 AND id < -1")
            file.execute("UPDATE entry SET id = id + 1000 WHERE id = -1")
    elif kind == "insert":
        file.execute("UPDATE entry SET id = -id - 2 WHERE id >= ?", (row,))
        file.execute("UPDATE entry SET id = -id - 1 WHERE id < 0")
        file.execute(
            "INSERT INTO entry SELECT ?, time + 1, subject, epoch, zeroblob(32), payload FROM entry WHERE id = ?",
            (row, row + 1),
        )
    else:
        file.execute("DELETE FROM entry WHERE id >= ?", (row,))
    return row


def test_a_row_that_follows_the_last_checkpoint_is_told(saved: Path, tmp_path: Path) -> None:
    sql = "INSERT INTO entry SELECT 300, time, subject, epoch, receipt, payload FROM entry WHERE id = 299"
    found = judge(saved, tmp_path / "audit", lambda file: file.execute(sql))
    assert (found.row, found.reason) == (300, "it stands after the last checkpoint")


def test_who_changes_the_hashes_with_the_row_is_given_away_by_the_next_checkpoint(
    saved: Path, tmp_path: Path
) -> None:
    from edge.audit.merkle import TreeEdge, hash_leaf
    from edge.audit.store import LogStore as Store

    def rewrite(row: int) -> Change:
        def change(file: apsw.Connection) -> None:
            file.execute("UPDATE entry SET time = time + 1 WHERE id = ?", (row,))
            with closing(Store(tmp_path / "audit", "van 7")) as store:
                tiles = TreeEdge().append([hash_leaf(each.entry) for each in store.list_rows()])
            for (level, number), data in tiles.items():
                file.execute(
                    "UPDATE tile SET hashes = ? WHERE level = ? AND number = ?", (data, level, number)
                )

        return change

    alone = judge(saved, tmp_path / "audit", rewrite(7))
    assert (alone.row, alone.last) == (7, 7)
    among = judge(saved, tmp_path / "audit", rewrite(100))
    assert (among.row, among.last) == (90, 159)
    with changed(saved, tmp_path / "audit", rewrite(7)) as store:
        assert not check_head(store).sound


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        (
            "UPDATE checkpoint SET note = replace(note, 'edge-audit/van', 'edge-audit/can') WHERE size = 12",
            11,
        ),
        ("UPDATE checkpoint SET note = substr(note, 1, 40) WHERE size = 90", 20),
        (
            "UPDATE checkpoint SET note = replace(note, char(10) || '90', char(10) || '91') WHERE size = 90",
            20,
        ),
        ("UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 1", 0),
        ("UPDATE tile SET hashes = hashes || zeroblob(32) WHERE level = 0 AND number = 1", 256),
        ("DELETE FROM tile WHERE level = 0 AND number = 1", 256),
        ("INSERT INTO tile VALUES (3, 0, zeroblob(32))", 0),
    ],
)
def test_a_damaged_proof_is_told_with_the_row_it_was_for(
    saved: Path, tmp_path: Path, sql: str, row: int
) -> None:
    assert judge(saved, tmp_path / "audit", lambda file: file.execute(sql)).row == row


def test_a_tail_that_was_cut_with_its_checkpoints_leaves_a_sound_shorter_log(
    saved: Path, tmp_path: Path
) -> None:
    """Alone, a device cannot know: those it has met do (``witness``)."""
    from edge.audit.merkle import TreeEdge, hash_leaf
    from edge.audit.store import LogStore as Store

    def cut(file: apsw.Connection) -> None:
        file.execute(
            "DELETE FROM entry WHERE id >= 160; DELETE FROM checkpoint WHERE size > 160; DELETE FROM tile"
        )
        with closing(Store(tmp_path / "audit", "van 7")) as store:
            tiles = TreeEdge().append([hash_leaf(each.entry) for each in store.list_rows()])
        for (level, number), data in tiles.items():
            file.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, number, data))

    assert judge(saved, tmp_path / "audit", cut) == Verdict(160)


def test_a_file_that_is_damaged_as_a_database_is_told(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "audit")
    path = tmp_path / "audit" / "log.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:40960] = bytes(32768)
    path.write_bytes(data)
    with closing(LogStore(tmp_path / "audit", "van 7")) as store:
        assert "damaged" in tell(store)


def tell(store: LogStore) -> str:
    """What is wrong, however it is told."""
    try:
        found = verify(store)
    except StorageError as error:
        return error.message
    return "" if found.sound else f"damaged: {found.reason}"
