"""Units of measurement in their one spelling."""

from __future__ import annotations

import pytest

from edge.text.measures import read_bracketed_unit, read_unit


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("newton metres", "Nm"),
        ("litres", "l"),
        ("Monate", "month"),
        ("Stunden", "h"),
        ("r/min", "rpm"),
        ("°C", "°C"),
    ],
)
def test_a_unit_has_one_spelling(written: str, unit: str) -> None:
    read = read_unit(written, 0)
    assert read is not None
    assert read[0] == unit


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("Torque (Nm)", "Nm"),
        ("Length [mm]", "mm"),
        ("Weight, kg", "kg"),
        ("Torque, K = 0.20 (Nm)", "Nm"),
        ("Torque (dry) [Nm]", "Nm"),
        ("Torque", ""),
        ("Size (metric)", ""),
    ],
)
def test_the_head_of_a_column_gives_its_unit(head: str, unit: str) -> None:
    assert read_bracketed_unit(head) == unit
