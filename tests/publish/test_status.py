from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.errors import NotFoundError
from edge.publish.delegation import delegate, rotate
from edge.publish.repository import Repository
from edge.publish.status import read_status

Settings = Callable[..., Path]


def test_a_new_repository(publisher: Any) -> None:
    found = read_status(publisher.repository)
    assert [(role.name, role.days_left, role.due) for role in found.roles] == [
        ("root", 730, False),
        ("targets", 365, False),
        ("snapshot", 365, False),
        ("timestamp", 90, False),
    ]
    root = found.roles[0]
    assert (root.threshold, len(root.keyids)) == (2, 3)
    assert found.sound
    assert found.packs == found.others == found.waiting == found.missing == ()


def test_what_is_published_and_by_whom(
    publisher: Any, packs: Sequence[Path], settings_file: Settings
) -> None:
    with publisher.repository.change(publisher.open_keys()) as change:
        delegate(change, "acme", ["pumps"])
        change.finish()
    publisher.add(packs[0], role="acme")
    publisher.add(settings_file())
    found = read_status(publisher.repository)
    assert [(pack.name, pack.version) for pack in found.packs] == [("pumps", "1.0")]
    assert [target.path for target in found.others] == ["policy/config.toml"]
    acme = found.roles[-1]
    assert (acme.name, acme.version, acme.paths) == (
        "acme",
        2,
        ("packs/pumps.kpack", "deltas/pumps/*.kdelta"),
    )


def test_time_goes_by(publisher: Any) -> None:
    publisher.wait_days(65)
    found = read_status(publisher.repository)
    assert found.sound
    assert [role.name for role in found.roles if role.due] == ["timestamp"]
    publisher.wait_days(25)
    found = read_status(publisher.repository)
    assert not found.sound
    assert [role.name for role in found.roles if role.expired] == ["timestamp"]


def test_a_lost_file_is_named(publisher: Any, packs: Sequence[Path]) -> None:
    added, _ = publisher.add(packs[0])
    file = publisher.folder / "targets" / added.target.file
    file.write_bytes(b"short")
    found = read_status(publisher.repository)
    assert (found.lost, found.sound) == (("packs/pumps.kpack",), False)


def test_what_waits_and_for_whom(publisher: Any) -> None:
    publisher.spread_root_keys()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, "timestamp")
        change.finish()
    found = read_status(publisher.repository)
    assert [(lack.role, lack.count) for lack in found.missing] == [("root", 2)]
    assert len(found.waiting) == 2
    assert found.sound


def test_looking_asks_for_no_passphrase_and_writes_nothing(publisher: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in (publisher.folder, *publisher.folder.rglob("*"))}
    read_status(publisher.repository)
    assert publisher.passphrase.asked == []
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no repository"):
        read_status(Repository(tmp_path))
