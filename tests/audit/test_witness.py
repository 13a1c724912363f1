"""Devices that meet by way of a stick: what was done to a log is found after one meeting, and no crash is blamed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.audit.issue import _choose_checkpoint
from edge.audit.merkle import TreeEdge
from edge.audit.store import LogStore
from edge.audit.tiles import TileFolder, format_path
from edge.audit.verify import verify
from edge.audit.witness import Kind, Meeting, find_own_alarm, list_seen, meet
from edge.errors import NotFoundError
from tests.audit import independent
from tests.audit.conftest import make_row

NOW = int(time.time())
DAY = 86_400


class Van:
    """A device with its log. It can be copied as a disk is, and brought back."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.rows = 0

    def ask(self, count: int) -> None:
        with closing(LogStore(self.folder, self.name)) as store:
            for _ in range(count):
                store.append([make_row(self.rows)])
                self.rows += 1

    def meet(self, stick: Path, now: int = NOW) -> dict[str, list[Kind]]:
        """Return the kinds of what was found, by the log's device."""
        return by_device(self.look(stick, now))

    def look(self, stick: Path, now: int = NOW) -> Meeting:
        with closing(LogStore(self.folder, self.name)) as store:
            return meet(store, stick, now)

    def copy(self) -> Path:
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.rmtree(copy, ignore_errors=True)
        return Path(shutil.copytree(self.folder, copy))

    def restore(self, copy: Path) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(copy, self.folder)

    def rewrite(self, change: str, keep: int | None = None) -> None:
        """Change the rows as the owner of the device could who has its key: hashes and checkpoints are made anew."""
        with closing(LogStore(self.folder, self.name)) as store:
            file = store._connection
            file.execute("DROP TRIGGER entry_stays; DROP TRIGGER entry_lasts")
            file.execute(change)
            rows = list(store.list_rows())[:keep]
            file.execute("DELETE FROM entry; DELETE FROM tile; DELETE FROM checkpoint")
            store._edge = TreeEdge()
            for row in rows:
                store._write([row])
            assert verify(store).sound


def by_device(meeting: Meeting) -> dict[str, list[Kind]]:
    found: dict[str, list[Kind]] = {}
    for one in meeting.findings:
        found.setdefault(one.log.split("/")[1] if "/" in one.log else one.log, []).append(one.kind)
    return found


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


@pytest.fixture
def van(tmp_path: Path) -> Callable[[str], Van]:
    return lambda name: Van(tmp_path / name, name)


@pytest.fixture
def pair(van: Callable[[str], Van], stick: Path) -> tuple[Van, Van]:
    """Two devices that have met: each has seen and cosigned the other's log of some rows."""
    seven, nine = van("van7"), van("van9")
    seven.ask(30)
    nine.ask(5)
    assert seven.meet(stick) == {}
    assert nine.meet(stick) == {"van7": [Kind.NEW]}
    assert seven.meet(stick) == {"van9": [Kind.NEW, Kind.COSIGNED]}
    assert nine.meet(stick) == {"van7": [Kind.CONTINUED, Kind.COSIGNED]}
    return seven, nine


def test_each_cosigns_the_log_of_the_other(pair: tuple[Van, Van], stick: Path) -> None:
    seven, nine = pair
    assert seven.meet(stick) == {"van9": [Kind.CONTINUED, Kind.COSIGNED]}
    with closing(LogStore(seven.folder, "van7")) as store, closing(LogStore(nine.folder, "van9")) as other:
        note = _choose_checkpoint(store, 3)
        witness = other.key.public
        assert note.find(witness.to_cosigner())
        assert independent.verify_cosignature(str(note).encode(), witness.name, witness.public) == NOW
        assert [seen.key for seen in list_seen(store)] == [witness]


def test_what_goes_on_as_it_should_raises_no_alarm(pair: tuple[Van, Van], stick: Path) -> None:
    seven, nine = pair
    for rows in (1, 40, 300):
        seven.ask(rows)
        for device in (seven, nine, seven):
            assert not any(finding.alarm for finding in device.look(stick).findings)


def test_a_stick_that_was_not_seen_for_long_is_an_older_copy(
    pair: tuple[Van, Van], stick: Path, tmp_path: Path
) -> None:
    seven, nine = pair
    old = Path(shutil.copytree(stick, tmp_path / "old stick"))
    seven.ask(50)
    seven.meet(stick)
    nine.meet(stick)
    assert nine.meet(old)["van7"] == [Kind.OLDER]
    assert seven.look(old).findings  # its own past: nothing wrong with it
    assert not any(finding.alarm for finding in seven.look(old).findings)


def test_rewriting_from_the_first_row_is_found_by_the_other(pair: tuple[Van, Van], stick: Path) -> None:
    seven, nine = pair
    shutil.rmtree(stick)
    stick.mkdir()  # nothing left there gives it away to itself
    seven.rewrite("UPDATE entry SET time = time + 1 WHERE id = 0")
    seven.meet(stick)
    assert nine.meet(stick) == {"van7": [Kind.REWRITTEN]}
    with closing(LogStore(nine.folder, "van9")) as store:
        (seen,) = list_seen(store)
        assert seen.alarm.startswith("rewritten: Its first")


def test_rewriting_is_found_by_the_device_itself_on_the_stick(pair: tuple[Van, Van], stick: Path) -> None:
    seven, _ = pair
    seven.rewrite("UPDATE entry SET time = time + 1 WHERE id = 0")
    assert Kind.REWRITTEN in seven.meet(stick)["van7"]
    with closing(LogStore(seven.folder, "van7")) as store:
        assert find_own_alarm(store).startswith("rewritten")


def test_a_tail_that_was_cut_is_found_by_both(pair: tuple[Van, Van], stick: Path, tmp_path: Path) -> None:
    seven, nine = pair
    seven.rewrite("SELECT 1", keep=20)
    assert Kind.CUT in seven.meet(stick)["van7"]
    clean = tmp_path / "clean stick"
    clean.mkdir()
    seven.meet(clean)
    assert nine.meet(clean) == {"van7": [Kind.REWRITTEN]}


def test_a_restored_disk_is_found_by_both(pair: tuple[Van, Van], stick: Path, tmp_path: Path) -> None:
    seven, nine = pair
    copy = seven.copy()
    seven.ask(10)
    seven.meet(stick)
    nine.meet(stick)
    seven.restore(copy)
    assert Kind.CUT in seven.meet(stick)["van7"]
    seven.ask(100)  # more than was lost
    clean = tmp_path / "clean stick"
    clean.mkdir()
    seven.meet(clean)
    assert nine.meet(clean) == {"van7": [Kind.REWRITTEN]}


def test_two_devices_with_one_disk_are_a_fork(pair: tuple[Van, Van], stick: Path, tmp_path: Path) -> None:
    seven, nine = pair
    twin = Van(seven.copy(), "van7")
    seven.ask(3)
    twin.ask(4)
    one, other = tmp_path / "one", tmp_path / "other"
    for device, place in ((seven, one), (twin, other)):
        place.mkdir()
        device.meet(place)
    assert nine.meet(one) == {"van7": [Kind.CONTINUED]}
    assert nine.meet(other) == {"van7": [Kind.REWRITTEN]}


def test_a_log_that_begins_anew_under_the_old_name_is_told(pair: tuple[Van, Van], stick: Path) -> None:
    seven, nine = pair
    shutil.rmtree(seven.folder)
    seven.ask(2)
    seven.meet(stick)
    assert Kind.RENEWED in nine.meet(stick)["van7"]


def test_a_crash_at_any_moment_of_a_meeting_raises_no_alarm(
    pair: tuple[Van, Van], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seven, nine = pair
    seven.ask(300)
    real, left = os.replace, [0]

    def replace(*arguments: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(*arguments)

    crashes = 0
    for steps in range(40):
        left[0] = steps
        monkeypatch.setattr(os, "replace", replace)
        try:
            seven.meet(stick)
        except KeyboardInterrupt:
            crashes += 1
        monkeypatch.setattr(os, "replace", real)
        for device in (nine, seven):
            assert not any(finding.alarm for finding in device.look(stick).findings)
        if steps > crashes:
            break
    assert crashes >= 3
    assert nine.meet(stick)["van7"][0] is Kind.CONTINUED


def test_a_clock_that_is_wrong_is_told_and_is_no_alarm(pair: tuple[Van, Van], stick: Path) -> None:
    (seven, nine), now = pair, int(time.time())
    seven.ask(1)
    seven.meet(stick, now)
    nine.meet(stick, now - 30 * DAY)  # so the other says
    ahead = seven.look(stick, now)
    assert next(one.detail for one in ahead.findings if one.kind is Kind.CLOCK).startswith("At row")
    nine.meet(stick, now + 30 * DAY)
    behind = seven.look(stick, now)
    assert "Its clock is 30 days behind" in str([one.detail for one in behind.findings])
    assert not any(one.alarm for one in (*ahead.findings, *behind.findings))


def test_a_clock_that_was_set_back_is_counted(open_store: Callable[..., LogStore]) -> None:
    store = open_store()
    for number in (0, 20_000, 5, 6):
        store.append([make_row(number)])
    assert verify(store).clock_jumps == 1
    assert verify(store).sound


@pytest.mark.parametrize("name", ["key", "checkpoint", "tile/0/000.p/31"])
def test_a_damaged_copy_is_no_proof_of_anything(pair: tuple[Van, Van], stick: Path, name: str) -> None:
    seven, nine = pair
    seven.meet(stick)
    (folder,) = [path for path in (stick / "witness").iterdir() if (path / "key").read_text().count("van7")]
    files = [
        path for path in folder.rglob("*") if path.is_file() and str(path).startswith(str(folder / name[:6]))
    ]
    for path in files:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    found = [one.kind for one in nine.look(stick).findings]
    assert Kind.INCOMPLETE in found
    assert not any(one in (Kind.CUT, Kind.REWRITTEN) for one in found)


def test_a_full_tile_that_was_swapped_on_the_stick_is_not_kept(
    van: Callable[[str], Van], stick: Path
) -> None:
    seven, nine = van("van7"), van("van9")
    seven.ask(300)
    seven.meet(stick)
    nine.ask(1)
    (tile,) = (stick / "witness").glob("*/tile/0/000")
    tile.write_bytes(bytes(8192))
    assert [one.kind for one in nine.look(stick).findings] == [Kind.INCOMPLETE]


def test_a_stick_that_cannot_be_written_is_looked_at(
    pair: tuple[Van, Van], stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seven, nine = pair
    seven.ask(5)
    seven.meet(stick)

    def refuse(self: TileFolder, name: str, data: bytes) -> None:
        if str(self.path).startswith(str(stick)):
            raise PermissionError(13, "Permission denied", name)
        real(self, name, data)

    real = TileFolder._write
    monkeypatch.setattr(TileFolder, "_write", refuse)
    meeting = nine.look(stick)
    assert Kind.CONTINUED in by_device(meeting)["van7"]
    assert meeting.error is not None


def test_links_on_a_stick_lead_nowhere(pair: tuple[Van, Van], tmp_path: Path) -> None:
    seven, _ = pair
    outside, stick = tmp_path / "outside", tmp_path / "hostile"
    outside.mkdir()
    stick.mkdir()
    (stick / "witness").symlink_to(outside)
    assert seven.look(stick).error is not None
    assert list(outside.iterdir()) == []


def test_without_a_folder_it_says_so(pair: tuple[Van, Van], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        pair[0].look(tmp_path / "none")


def test_paths_of_tiles_are_those_of_the_specification() -> None:
    assert format_path(0, 1234067) == "tile/0/x001/x234/067"
    assert format_path(2, 0, 17) == "tile/2/000.p/17"
