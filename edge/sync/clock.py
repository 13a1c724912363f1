"""Trusted time, and the age up to which a publisher's list is accepted. Pure.

Trusted time is the latest of the build date, the time of the last acceptance and the device's clock, so that a clock
that is set back gains an attacker nothing. A time is remembered only once metadata was accepted at it, and never one
past that metadata's expiry: a clock that runs years ahead is refused what it asks for, but leaves no trace that would
refuse the next list after it has been set right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge.errors import TrustError

BUILD_DATE = datetime(2026, 11, 22, tzinfo=UTC)
"""No clock was ever right that says less. Raised with each release."""

TIMESTAMP_LIFE = timedelta(days=90)
"""From signing to expiry: how long ``timestamp.json`` is good for, which tells its age."""

STALE_LIMIT = timedelta(days=180)
"""The age up to which a list on a stick may be accepted by hand."""

_TICK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The time at which metadata is judged. ``stale_days`` is the age of a list accepted although it had expired."""

    time: datetime
    stale_days: int | None = None


def read_clock() -> datetime:
    """Return the time of this machine's clock."""
    return datetime.now(UTC)


def compute_trusted_time(clock: datetime, accepted: datetime | None) -> datetime:
    """Return the latest of build date, last accepted time and clock."""
    return max(BUILD_DATE, clock, accepted or BUILD_DATE)


def describe_doubt(trusted: datetime) -> str:
    """Return the hint for everything that is refused because of its date."""
    return f"This device takes it to be {trusted:%Y-%m-%d}: set its clock if that is wrong."


def choose_remembered_time(trusted: datetime, timestamp_expires: datetime) -> datetime:
    """Return trusted time, but none at which the accepted list had expired."""
    return min(trusted, timestamp_expires - _TICK)


def judge_expired(
    timestamp_expires: datetime, trusted: datetime, *, removable: bool, accept_stale: bool, source: str
) -> Judgement:
    """Decide when to judge metadata whose timestamp has expired: just before it did, or not at all.

    Args:
        timestamp_expires: of a timestamp whose signature has been verified.
        trusted: trusted time, at which the root is valid.
        removable: the source is a folder or a stick.
        accept_stale: the reader has said that an old list will do.
        source: what the reader knows the source by.

    Raises:
        TrustError: it is too old to be accepted, or from where, or without being asked for.
    """
    age = trusted - (timestamp_expires - TIMESTAMP_LIFE)
    what = f"{source}: timestamp.json expired on {timestamp_expires:%Y-%m-%d}; it is {age.days} days old."
    doubt = describe_doubt(trusted)
    if not removable:
        raise TrustError(what, f"Tell the publisher to run `edge publish refresh`. {doubt}")
    if age > STALE_LIMIT:
        raise TrustError(what, f"Past {STALE_LIMIT.days} days no list is accepted: get a newer copy. {doubt}")
    if not accept_stale:
        until = timestamp_expires - TIMESTAMP_LIFE + STALE_LIMIT
        raise TrustError(
            what, f"Get a newer copy, or add --accept-stale, which takes it until {until:%Y-%m-%d}. {doubt}"
        )
    return Judgement(timestamp_expires - _TICK, age.days)
