"""The table of ages and clocks, to the letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from edge.config import Settings
from edge.errors import TrustError
from edge.sync import clock
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.interface import Carrier
from edge.sync.clock import (
    BUILD_DATE,
    STALE_LIMIT,
    TIMESTAMP_LIFE,
    choose_remembered_time,
    compute_trusted_time,
)
from edge.sync.trust import Trust
from tests.sync.conftest import Device, Road
from tests.sync.mirror import serve
from tests.sync.repository import DAY, DELEGATE, T0, Repository

SECOND = timedelta(seconds=1)
YEAR = 365 * DAY
TAKEN, STALE, REFUSED = "taken", "stale", "refused"

AGES = [
    # age of the list, from a stick, from a stick with --accept-stale, from a mirror with or without
    (0 * DAY, TAKEN, TAKEN, TAKEN),
    (40 * DAY, TAKEN, TAKEN, TAKEN),
    (89 * DAY, TAKEN, TAKEN, TAKEN),
    (90 * DAY - SECOND, TAKEN, TAKEN, TAKEN),
    (90 * DAY, REFUSED, STALE, REFUSED),
    (91 * DAY, REFUSED, STALE, REFUSED),
    (180 * DAY, REFUSED, STALE, REFUSED),
    (180 * DAY + SECOND, REFUSED, REFUSED, REFUSED),
    (181 * DAY, REFUSED, REFUSED, REFUSED),
    (10 * YEAR, REFUSED, REFUSED, REFUSED),
]


def find_outcome(device: Device, carrier: Carrier, accept_stale: bool = False) -> str:
    try:
        offer = device.refresh(carrier, accept_stale)
    except TrustError as error:
        return REFUSED if "expired" in error.message and "clock" in error.hint else error.message
    return TAKEN if offer.stale_days is None else STALE


@pytest.mark.parametrize(("age", "stick", "accepted", "mirror"), AGES, ids=lambda value: str(value))
def test_the_age_of_a_list(
    device: Device, repository: Repository, age: timedelta, stick: str, accepted: str, mirror: str
) -> None:
    device.clock = T0 + age
    folder = FolderCarrier(repository.folder)
    assert find_outcome(device, folder) == stick
    with serve(repository.folder) as served:
        for accept_stale in (False, True):
            carrier = HttpsCarrier(served.address, device.settings)
            assert find_outcome(device, carrier, accept_stale) == mirror
            carrier.close()
    assert find_outcome(device, folder, accept_stale=True) == accepted


def test_a_stale_list_is_logged_and_has_a_badge(device: Device, repository: Repository) -> None:
    device.clock = T0 + 97 * DAY
    carrier = FolderCarrier(repository.folder)
    assert device.refresh(carrier, accept_stale=True).stale_days == 97
    assert device.sync(carrier, accept_stale=True).stale_days == 97
    trust = Trust(device.settings)
    last = trust.ratchet.get_last()
    trust.close()
    assert last is not None
    assert (last.source, last.version, last.stale_days) == (carrier.name, 1, 97)


def test_a_refusal_says_until_when_a_stick_may_still_be_taken(device: Device, repository: Repository) -> None:
    device.clock = T0 + 91 * DAY
    with pytest.raises(TrustError, match="it is 91 days old") as refused:
        device.refresh(FolderCarrier(repository.folder))
    assert f"--accept-stale, which takes it until {T0 + 180 * DAY:%Y-%m-%d}" in refused.value.hint


def test_a_stale_stick_must_not_be_behind_what_was_seen(device: Device, repository: Repository) -> None:
    old = repository.copy(repository.folder.with_name("old"))
    repository.publish("targets")
    device.refresh(FolderCarrier(repository.folder))
    device.clock = T0 + 100 * DAY
    with pytest.raises(TrustError, match="version"):
        device.refresh(FolderCarrier(old.folder), accept_stale=True)
    assert device.refresh(FolderCarrier(repository.folder), accept_stale=True).stale_days == 100


def test_a_stale_stick_needs_a_root_that_is_valid_today(device: Device, repository: Repository) -> None:
    repository.root.signed.version = 2
    repository.root.signed.expires = T0 + 95 * DAY
    repository.publish_root()
    device.clock = T0 + 94 * DAY
    assert find_outcome(device, FolderCarrier(repository.folder), accept_stale=True) == STALE
    device.clock = T0 + 96 * DAY
    with pytest.raises(TrustError, match=r"root\.json expired on 2027-06-04"):
        device.refresh(FolderCarrier(repository.folder), accept_stale=True)


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_what_expired_under_a_fresh_timestamp_is_refused_everywhere(
    device: Device, road: Road, repository: Repository, role: str
) -> None:
    repository.expire(T0 + 10 * DAY, role)
    device.clock = T0 + 20 * DAY
    for accept_stale in (False, True):
        with pytest.raises(TrustError, match=rf"\d\.{role}\.json expired") as refused:
            device.refresh(road(repository), accept_stale)
        assert "publisher" in refused.value.hint


def test_an_expired_delegate_stops_only_its_own(device: Device, road: Road, repository: Repository) -> None:
    repository.expire(T0 + 10 * DAY, DELEGATE)
    device.clock = T0 + 20 * DAY
    ((name, error),) = device.refresh(road(repository)).problems
    assert name == "acme.json"
    assert "expired" in str(error)


# Clocks


def test_trusted_time_is_the_latest_of_three() -> None:
    assert compute_trusted_time(datetime(1970, 1, 1, tzinfo=UTC), None) == BUILD_DATE
    assert compute_trusted_time(T0, None) == T0
    assert compute_trusted_time(T0, T0 + DAY) == T0 + DAY
    assert compute_trusted_time(T0 + DAY, T0) == T0 + DAY


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), T0 - YEAR, BUILD_DATE - YEAR])
def test_a_clock_that_is_behind_syncs_and_gains_nothing(
    device: Device, road: Road, repository: Repository, wrong: datetime
) -> None:
    device.clock = T0 + 80 * DAY
    device.refresh(road(repository))
    device.clock = wrong
    assert find_outcome(device, road(repository)) == TAKEN
    repository.roles["timestamp"].signed.expires = (
        T0 + 80 * DAY - SECOND
    )  # signed, and expired when last accepted
    repository.roles["timestamp"].signed.version += 1
    repository.sign()
    assert find_outcome(device, road(repository)) == REFUSED


@pytest.mark.parametrize(
    "wrong", [T0 + 10 * YEAR, T0 + 85 * DAY, T0 + 91 * DAY, datetime.max.replace(tzinfo=UTC)]
)
@pytest.mark.parametrize("accept_stale", [False, True])
def test_a_clock_that_is_ahead_bricks_nothing_once_it_is_set_right(
    device: Device, repository: Repository, wrong: datetime, accept_stale: bool
) -> None:
    carrier = FolderCarrier(repository.folder)
    device.clock = wrong
    find_outcome(device, carrier, accept_stale)
    device.clock = T0 + 2 * DAY
    assert find_outcome(device, carrier) == TAKEN
    repository.sign_at(T0 + 2 * DAY)
    assert find_outcome(device, carrier) == TAKEN


@examples(max_examples=60, deadline=None)
@given(
    clocks=st.lists(
        st.tuples(st.integers(-60 * 365, 60 * 365), st.booleans(), st.booleans()), min_size=1, max_size=8
    )
)
def test_whatever_the_clock_did_a_right_one_syncs_again(
    tmp_path_factory: pytest.TempPathFactory, clocks: list[tuple[int, bool, bool]]
) -> None:
    """A clock that jumps at will, sticks taken stale or not, new lists in between; then the clock is right."""
    folder = tmp_path_factory.mktemp("clocks")
    repository = Repository(folder / "repository")
    device = Device(Settings(home=folder / "home")).trust(repository)
    carrier, today = FolderCarrier(repository.folder), T0
    seen = 0
    for days, accept_stale, signs in clocks:
        today += DAY
        if signs:
            repository.sign_at(today)
        device.clock = T0 + days * DAY
        find_outcome(device, carrier, accept_stale)
        trust = Trust(device.settings)
        last = trust.ratchet.get_last()
        trust.close()
        assert (last.version if last else 0) >= seen
        seen = last.version if last else 0
    repository.sign_at(today)
    device.clock = today
    assert find_outcome(device, carrier) == TAKEN


def test_no_time_is_remembered_at_which_the_list_had_expired() -> None:
    assert choose_remembered_time(T0, T0 + DAY) == T0
    assert choose_remembered_time(T0 + 10 * YEAR, T0 + DAY) < T0 + DAY
    assert TIMESTAMP_LIFE < STALE_LIMIT


def test_the_build_date_is_not_ahead_of_this_machine() -> None:
    assert clock.read_clock() > BUILD_DATE
