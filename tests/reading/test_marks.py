"""Numbers and codes that tell one record from another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reading.marks import contradicts, read_marks


@pytest.mark.parametrize(
    ("question", "name", "header", "expected"),
    [
        ("torque of an M14 bolt", "M12", "Thread", True),
        ("torque of an M12 bolt", "M12", "Thread", False),
        ("P11 default", "P07", "No.", True),
        ("error E20", "E21", "Code", True),
        ("ks15 fuse", "KS 22", "Model", True),
        ("25mm2 cable", "35", "Cross-section (mm²)", True),
        ("25 mm² cable", "25", "Cross-section (mm²)", False),
        ("38 deg in the hall", "30 °C to 45 °C", "Ambient temperature", False),
        ("50 deg in the hall", "30 °C to 45 °C", "Ambient temperature", True),
        ("fill at 2 bar", "M12", "Thread", False),
        ("how tight", "M12", "Thread", False),
    ],
)
def test_a_row_named_after_another_size_code_or_value_contradicts(
    question: str, name: str, header: str, expected: bool
) -> None:
    assert contradicts(read_marks(question), read_marks(name, header)) is expected


@given(st.text(), st.text())
def test_any_text_is_read_and_never_contradicts_itself(text: str, header: str) -> None:
    marks = read_marks(text, header)
    assert not contradicts(marks, marks)
