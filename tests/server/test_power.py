"""The power supply, from folders as Linux lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.server.power import is_on_battery

MAINS_ON = {"type": "Mains", "online": "1"}
MAINS_OFF = {"type": "Mains", "online": "0"}
USB_ON = {"type": "USB", "online": "1"}
EMPTYING = {"type": "Battery", "status": "Discharging"}
CHARGING = {"type": "Battery", "status": "Charging"}
MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging"}


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ([], False),
        ([MAINS_ON], False),
        ([EMPTYING], True),
        ([MAINS_OFF, EMPTYING], True),
        ([MAINS_ON, EMPTYING], False),  # a weak charger
        ([MAINS_OFF, USB_ON, EMPTYING], False),
        ([CHARGING], False),
        ([CHARGING, EMPTYING], True),
        ([MOUSE], False),
        ([MAINS_ON, MOUSE], False),
        ([{"type": "Battery"}], False),
        ([{}], False),
    ],
)
def test_only_a_battery_that_is_emptied_counts(
    tmp_path: Path, supplies: list[dict[str, str]], expected: bool
) -> None:
    for n, files in enumerate(supplies):
        (tmp_path / str(n)).mkdir()
        for name, value in files.items():
            (tmp_path / str(n) / name).write_text(f"{value}\n")
    assert is_on_battery(tmp_path) is expected


def test_where_nothing_is_told_it_does_not(tmp_path: Path) -> None:
    assert not is_on_battery(tmp_path / "missing")
