"""Devices of a fleet hear each other, and nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sync.carriers import beacon as module
from edge.sync.carriers.beacon import GROUP, MAX_A_POLL, PORT, Address, Beacon, make_datagram, read_datagram
from tests.simulators.swarm import LOOPBACK, Fleet

FLEET = Fleet()
ME, VAN = FLEET.make_device("me"), FLEET.make_device("van")
DATAGRAM = make_datagram(VAN, 40_000)


@pytest.fixture
def mine() -> Iterator[Beacon]:
    with closing(Beacon(ME, 50_000, "127.0.0.2", LOOPBACK)) as beacon:
        beacon.poll()
        yield beacon


def receive(beacon: Beacon) -> list[Address]:
    """Return what arrives once the loopback interface has delivered."""
    found: list[Address] = []
    while not found:
        found = beacon.poll()
    return found


def test_two_devices_hear_each_other_without_waiting_for_a_turn(mine: Beacon) -> None:
    with closing(Beacon(VAN, 40_000, "127.0.0.3", LOOPBACK)) as other:
        other.poll()
        assert receive(mine) == [("127.0.0.3", 40_000)]
        assert receive(other) == [("127.0.0.2", 50_000)]


def test_a_device_of_another_fleet_is_not_heard(mine: Beacon) -> None:
    with (
        closing(Beacon(Fleet().make_device(), 40_000, "127.0.0.3", LOOPBACK)) as foreign,
        closing(Beacon(VAN, 40_001, "127.0.0.4", LOOPBACK)) as other,
    ):
        foreign.poll()
        other.poll()
        assert receive(mine) == [("127.0.0.4", 40_001)]


def test_it_does_not_hear_itself(mine: Beacon) -> None:
    assert mine.poll() == []


def test_a_flood_is_looked_at_in_portions(mine: Beacon, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes] = []
    monkeypatch.setattr(module, "read_datagram", lambda identity, data: looked_at.append(data))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.bind(("127.0.0.3", 0))
        flood.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.3"))
        for _ in range(3 * MAX_A_POLL):
            flood.sendto(b"x", (GROUP, PORT))
    mine.poll()
    assert len(looked_at) <= MAX_A_POLL


def test_closed_twice_is_closed(mine: Beacon) -> None:
    mine.close()
    mine.close()


def test_a_datagram_says_the_port_and_no_pack() -> None:
    assert read_datagram(ME, DATAGRAM) == 40_000
    assert len(DATAGRAM) < 600


@pytest.mark.parametrize("at", [0, 10, 11, 12, 13, 14, 15, 100, len(DATAGRAM) - 65, len(DATAGRAM) - 1])
def test_a_changed_datagram_counts_for_nothing(at: int) -> None:
    changed = bytearray(DATAGRAM)
    changed[at] ^= 1
    assert read_datagram(ME, bytes(changed)) is None


def test_a_certificate_without_its_key_counts_for_nothing() -> None:
    """Another device of the fleet cannot speak for the van, nor an outsider who has recorded it."""
    outsider = make_datagram(Fleet().make_device(), 40_000)
    assert read_datagram(ME, DATAGRAM[:-64] + outsider[-64:]) is None


@given(st.binary(max_size=600), st.integers(0, len(DATAGRAM)))
def test_whatever_comes_is_no_device(junk: bytes, kept: int) -> None:
    assert read_datagram(ME, junk) is None
    assert read_datagram(ME, DATAGRAM[:kept] + junk) in (None, 40_000 if not junk else None)
