from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import StorageError, TrustError
from edge.sync.ratchet import KEPT_ACCEPTANCES, Acceptance, Ratchet, SeenRole, check
from tests.faults import limit_file_size
from tests.sync.repository import T0

ROLES = ("timestamp", "snapshot", "targets", "acme")


@pytest.fixture
def ratchet(tmp_path: Path) -> Ratchet:
    return Ratchet(tmp_path / "sync" / "trust.sqlite")


def make_acceptance(time: datetime = T0, version: int = 1) -> Acceptance:
    return Acceptance(time, "mirror", version, None)


def test_a_new_device_has_seen_nothing(ratchet: Ratchet) -> None:
    assert ratchet.get_seen("a") == {}
    assert ratchet.get_time() is None
    assert ratchet.get_last() is None


def test_what_was_accepted_is_there_after_a_restart(ratchet: Ratchet, tmp_path: Path) -> None:
    ratchet.accept_root("a", SeenRole(3, "33"), "keys", "mirror")
    ratchet.accept("a", {"targets": SeenRole(7, "77")}, Acceptance(T0, "mirror", 5, 91))
    ratchet.close()
    again = Ratchet(tmp_path / "sync" / "trust.sqlite")
    assert again.get_seen("a") == {"root": SeenRole(3, "33"), "targets": SeenRole(7, "77")}
    assert again.get_time() == T0
    assert again.get_last() == Acceptance(T0, "mirror", 5, 91)


def test_publishers_are_kept_apart(ratchet: Ratchet) -> None:
    ratchet.accept("a", {"targets": SeenRole(7)}, make_acceptance())
    ratchet.accept("b", {"targets": SeenRole(1)}, make_acceptance())
    assert ratchet.get_seen("a") == {"targets": SeenRole(7)}


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (SeenRole(2, "x"), SeenRole(1, "x"), r"acme\.json has version 1; 2 has been seen"),
        (SeenRole(2, "x"), SeenRole(2, "y"), "has version 2 as before, and other contents"),
        (SeenRole(2, "x"), None, r"no longer lists acme\.json"),
    ],
)
def test_going_back_is_refused_and_nothing_is_stored(
    ratchet: Ratchet, before: SeenRole, after: SeenRole | None, reason: str
) -> None:
    ratchet.accept("a", {"acme": before, "targets": SeenRole(1)}, make_acceptance())
    seen = {"targets": SeenRole(9)} | ({"acme": after} if after else {})
    with pytest.raises(TrustError, match=f"stick: .*{reason}") as refused:
        ratchet.accept("a", seen, Acceptance(T0 + timedelta(days=1), "stick", 9, None))
    assert refused.value.hint
    assert ratchet.get_seen("a") == {"acme": before, "targets": SeenRole(1)}
    assert ratchet.get_time() == T0


@pytest.mark.parametrize("after", [SeenRole(2, "x"), SeenRole(2), SeenRole(3, "y"), SeenRole(3)])
def test_standing_still_and_going_on_are_fine(ratchet: Ratchet, after: SeenRole) -> None:
    ratchet.accept("a", {"acme": SeenRole(2, "x")}, make_acceptance())
    ratchet.accept("a", {"acme": after}, make_acceptance())
    known = ratchet.get_seen("a")["acme"]
    assert known.version == after.version
    assert known.sha256 == (after.sha256 or ("x" if after.version == 2 else ""))


def test_new_online_keys_start_versions_anew_but_not_the_root(ratchet: Ratchet) -> None:
    ratchet.accept_root("a", SeenRole(1), "old", "mirror")
    ratchet.accept("a", {"timestamp": SeenRole(10**9)}, make_acceptance())
    assert not ratchet.is_rotated("a", "old")
    assert ratchet.is_rotated("a", "new")
    ratchet.accept_root("a", SeenRole(2), "new", "mirror")
    ratchet.accept("a", {"timestamp": SeenRole(1)}, make_acceptance())
    with pytest.raises(TrustError, match="root"):
        ratchet.accept_root("a", SeenRole(1), "old", "mirror")
    assert ratchet.get_seen("a") == {"root": SeenRole(2), "timestamp": SeenRole(1)}


def test_time_does_not_go_back_with_the_clock_nor_the_log_for_ever_on(ratchet: Ratchet) -> None:
    ratchet.accept("a", {}, make_acceptance(T0 + timedelta(days=9)))
    for version in range(KEPT_ACCEPTANCES + 20):
        ratchet._connection.execute("PRAGMA synchronous = OFF")  # this test is about neither
        ratchet.accept("a", {}, make_acceptance(T0, version))
    assert ratchet.get_time() == T0 + timedelta(days=9)
    (rows,) = ratchet._connection.execute("SELECT count(*) FROM acceptance").fetchone()
    assert rows <= KEPT_ACCEPTANCES + 1


def test_it_is_on_the_disk_before_it_answers(ratchet: Ratchet) -> None:
    extra = 3
    assert ratchet._connection.execute("PRAGMA synchronous").fetchone() == (extra,)
    assert ratchet._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_disk_that_takes_no_more_is_not_called_damage(ratchet: Ratchet) -> None:
    """To move the memory away, as after damage, would be to forget it."""
    ratchet.accept("a", {"targets": SeenRole(7)}, make_acceptance())
    with limit_file_size(1000), pytest.raises(StorageError) as error:
        ratchet.accept("a", {"targets": SeenRole(8)}, make_acceptance())
    assert "damaged" not in error.value.message
    assert "trust" not in error.value.hint
    assert ratchet.get_seen("a") == {"targets": SeenRole(7)}
    ratchet.accept("a", {"targets": SeenRole(8)}, make_acceptance())


@pytest.mark.parametrize("damage", [b"", b"not a database" * 100])
def test_a_damaged_memory_is_told_and_not_started_anew(
    ratchet: Ratchet, tmp_path: Path, damage: bytes
) -> None:
    ratchet.accept("a", {"targets": SeenRole(7)}, make_acceptance())
    ratchet.close()
    path = tmp_path / "sync" / "trust.sqlite"
    if damage:
        path.write_bytes(damage)
    else:
        os.truncate(path, 5000)
    with pytest.raises(StorageError, match="damaged") as error:
        Ratchet(path).get_seen("a")
    assert "edge sync trust" in error.value.hint


Versions = st.dictionaries(st.sampled_from(ROLES), st.integers(1, 5), min_size=2)


@settings(max_examples=300, deadline=None)
@given(st.lists(Versions, max_size=12))
def test_whatever_is_offered_no_version_ever_decreases(
    tmp_path_factory: pytest.TempPathFactory, offers: list[dict[str, int]]
) -> None:
    ratchet = Ratchet(tmp_path_factory.mktemp("ratchet") / "trust.sqlite")
    ratchet._connection.execute("PRAGMA synchronous = OFF")
    for offer in offers:
        before = ratchet.get_seen("a")
        fits = all(offer.get(role, 0) >= known.version for role, known in before.items())
        try:
            ratchet.accept(
                "a", {role: SeenRole(version) for role, version in offer.items()}, make_acceptance()
            )
            assert fits
        except TrustError:
            assert not fits
        after = ratchet.get_seen("a")
        assert all(after[role].version >= known.version for role, known in before.items())
    ratchet.close()


def test_check_is_pure() -> None:
    check({}, {"targets": SeenRole(1)}, "mirror")
    with pytest.raises(TrustError):
        check({"targets": SeenRole(2)}, {"targets": SeenRole(1)}, "mirror")
