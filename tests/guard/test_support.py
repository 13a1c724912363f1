"""No value without a passage that gives it for what the sentence names."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.guard.answer import check
from tests.guard.conftest import make_passage

MANUAL = """Tighten the M8 bolts crosswise to 25 Nm, the drain plug to 1,450 psi. E-207 needs 230 V AC at 50/60 Hz.
The loop carries 4–20 mA from -40 °C to +85 °C, tolerance ±0.5 %. Use a 3/8" hose and cable of 10 mm², bearing 6205-2RS.
WARNING: Wait 15 minutes. Gear ratio 1:200, firmware v2.10, 2 × 1.5 V, IP65, address 192.168.0.10."""


def missing(answer: str, text: str = MANUAL) -> tuple[str, ...]:
    return check(answer, [make_passage(text)]).unverified


@pytest.mark.parametrize(
    "answer",
    [
        "Tighten the M8 bolts to 25 Nm [1].", "The plug takes 1450 psi.", "E 207 is a fault.", "It runs on 230 V.",
        "The loop carries between 4 and 20 mA.", "It works down to −40 °C.", "A hose of 3/8 inch.", "Cable: 10 mm2.",
        "Wait for 15 min.", "A ratio of 1:200 with v2.10.", "The tolerance is 0,5 %.", "See page 12.",
        "No values at all.", "1. Wait.\n2. Turn.", "It is on 60 Hz.",
    ],
)  # fmt: skip
def test_values_of_the_passage_are_verified(answer: str) -> None:
    assert missing(answer) == ()


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("Tighten to 45 Nm [1].", "45 Nm"), ("Tighten to 25 mm.", "25 mm"), ("Use M10 bolts.", "M10"),
        ("It works up to 40 °C.", "40 °C"), ("Fault E-208.", "E-208"), ("It runs on 230 V DC.", "230 V DC"),
        ("Use 2 V.", "2 V"), ("The plug takes 1.450 psi.", "1.450 psi"), ("See page 13.", "page 13"),
        ("Bearing 6205-2Z.", "6205-2Z"), ("Firmware v2.1.", "v2.1"), ("Use 3 bolts.", "3"), ("IP67.", "IP67"),
        ("At 192.168.0.1.", "192.168.0.1"), ("A ratio of 1:20.", "1:20"), ("Use 10 mm.", "10 mm"),
    ],
)  # fmt: skip
def test_other_values_are_not(answer: str, wrong: str) -> None:
    assert missing(answer) == (wrong,)


def test_each_is_listed_once() -> None:
    assert missing("45 Nm, again 45 Nm, and 46 Nm.") == ("45 Nm", "46 Nm")


def test_without_passages_nothing_is_verified() -> None:
    assert check("25 Nm", []).unverified == ("25 Nm",)


def test_any_cited_passage_proves() -> None:
    assert check("25 Nm and 8 Nm", [make_passage("25 Nm"), make_passage("8 Nm")]).unverified == ()


def test_the_heading_proves() -> None:
    assert (
        check("E-207 means this.", [make_passage("Clear the drain.", heading="Faults > E-207")]).unverified
        == ()
    )


def test_citation_marks_are_no_values() -> None:
    assert missing("Tighten the bolts [7].") == ()


TABLE = """| Thread | Torque (Nm) | Length [mm] | Supply |
M8 | 25 | 1,200 | 24 | V DC
M10 | 49 | 60 | 48 | V DC""".replace("Supply |", "Supply | Unit")


@pytest.mark.parametrize(
    "answer", ["M8: 25 Nm.", "M10 takes 49 Nm.", "It is 1200 mm long.", "It needs 24 V DC."]
)
def test_a_column_gives_its_unit_to_its_cells(answer: str) -> None:
    assert missing(answer, TABLE) == ()


@pytest.mark.parametrize("answer", ["M8: 25 mm.", "M10: 60 Nm.", "It needs 25 V DC."])
def test_but_not_to_others(answer: str) -> None:
    assert missing(answer, TABLE) != ()


amounts = st.integers(0, 99_999).map(str) | st.decimals(0, 9999, places=2).map(str)
units = st.sampled_from(
    ["Nm", "mm", "V", "V DC", "bar", "°C", "rpm", "mA", "kΩ", "%", "l/min", "mm²", "in", "ft-lb", "h", ""]
)
codes = st.from_regex(r"[A-Z]{1,3}-?[0-9]{2,4}[A-Z]?", fullmatch=True)


@given(st.lists(st.tuples(amounts, units) | codes, min_size=1, max_size=6), st.data())
def test_what_is_copied_from_a_passage_is_verified(
    items: list[tuple[str, str] | str], data: st.DataObject
) -> None:
    written = [item if isinstance(item, str) else " ".join(filter(None, item)) for item in items]
    text = "; ".join(f"value {item}" for item in written)
    assert missing(f"Set it to {data.draw(st.sampled_from(written))}. [1]", text) == ()
    assert missing(text, text) == ()


@given(amounts, units, st.data())
def test_a_changed_digit_is_caught(amount: str, unit: str, data: st.DataObject) -> None:
    position = data.draw(st.sampled_from([i for i, c in enumerate(amount) if c.isdigit()]))
    digit = data.draw(st.sampled_from("0123456789"))
    changed = amount[:position] + digit + amount[position + 1 :]
    assume(float(changed) != float(amount))
    assert missing(f"Set it to {changed} {unit} now.", f"Set the value to {amount} {unit} now.") != ()


@given(codes, st.data())
def test_a_changed_code_is_caught(code: str, data: st.DataObject) -> None:
    position = data.draw(st.sampled_from([i for i, c in enumerate(code) if c.isdigit()]))
    digit = data.draw(st.sampled_from("0123456789"))
    changed = code[:position] + digit + code[position + 1 :]
    assume(changed != code)
    assert missing(f"Look for {changed} now.", f"Fault {code} is shown.") != ()
