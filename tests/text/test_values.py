"""One form for every spelling of a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.text.values import find_values


def forms(text: str) -> list[str]:
    return [value.form for value in find_values(text)]


@pytest.mark.parametrize(
    "spellings",
    [
        ["25 Nm", "25Nm", "25 N·m", "25 N m", "25 newton metres", "25.0 Nm", "25 Nm"],
        ["1,450 rpm", "1450 rpm", "1450 r/min", "1 450 RPM", "1450 min⁻¹", "1'450 rev/min"],
        ["-40 °C", "−40 °C", "–40°C", "-40 degrees Celsius", "-40 ℃", "-40 C"],
        ["0.5 %", "0,5 %", ".5%", "0.50 percent", "½ %"],
        ['3/8"', "3/8 in", "3/8-inch", "3⁄8″", "0.375 inches"],
        ['1 1/2"', '1-1/2"', "1½ in", "1.5 inches"],
        ["10 mm²", "10 mm2", "10mm^2"],
        ["230 V AC", "230 VAC", "230Vac", "230 V~".replace("~", "AC")],
        ["2.5 m³/h", "2,5 m3/h"],
        ["40 ft-lb", "40 lbf·ft", "40 ft lb", "40 foot-pounds"],
        ["4.7 kΩ", "4.7 kOhm", "4,7 kΩ", "4.7 kilohms"],
        ["100 µF", "100 μF", "100 uF"],
        ["5 min", "5 minutes", "5-minute"],
        ["E-207", "E 207", "E207", "e207", "E‑207"],
        ["6205-2RS", "6205 2RS".replace(" ", "-"), "6205_2rs"],
        ["RS-485", "RS485", "RS 485", "rs-485"],
        ["10⁶ Ω", "10^6 ohms"],
        ["10 l/min", "10 L/min", "10 litres per minute", "10 lpm"],
        ["IP65", "IP 65", "ip65"],
    ],
)
def test_spellings_of_one_value_meet(spellings: list[str]) -> None:
    assert len({tuple(forms(f"Set it to {spelling}.")) for spelling in spellings}) == 1
    assert len(forms(f"Set it to {spellings[0]}.")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 MΩ", "5 mΩ"), ("5 Nm", "5 nm"), ("25 Nm", "25 mm"), ("25 Nm", "25"), ("-40 °C", "40 °C"),
        ("40 °C", "40 °F"), ("1,450 mm", "1.450 mm"), ("10 mm", "10 mm²"), ("E-207", "E-270"),
        ("230 V AC", "230 V DC"), ("1:200", "1:20"),
        ("M8", "M10"), ("v1.10", "v1.1"), ("14:30", "14:03"), ("2026-11-22", "2026-11-23"), ("10⁶ Ω", "106 Ω"),
        ("10 bar", "10 mbar"), ("IP65", "IP67"), ("6205-2RS", "6205-2Z"), ("912-4501", "912-4502"),
        ("3/8 in", "5/8 in"), ("5 kW", "5 kWh"), ("5 l/min", "5 l/h"), ("192.168.0.1", "192.168.0.10"), ("5 S", "5 s"),
    ],
)  # fmt: skip
def test_different_values_do_not(one: str, other: str) -> None:
    assert forms(f"Set it to {one}.") != forms(f"Set it to {other}.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4–20 mA", ["4 mA", "20 mA"]),
        ("4 to 20 mA", ["4 mA", "20 mA"]),
        ("4-20mA", ["4 mA", "20 mA"]),
        ("between 3 and 5 mm", ["3 mm", "5 mm"]),
        ("10...15 bar", ["10 bar", "15 bar"]),
        ("-20 to +60 °C", ["-20 °C", "60 °C"]),
        ("230/400 V, 50/60 Hz", ["230 V", "400 V", "50 Hz", "60 Hz"]),
        ("25 ± 2 Nm", ["25 Nm", "2 Nm"]),
        ("2 × 1.5 V", ["2", "3/2 V"]),
        ("5 x 10 mm", ["5", "10 mm"]),
        ("M8 x 25", ["m8", "25"]),
        ("24-V supply", ["24 V"]),
        ("RS-485-compatible", ["rs485"]),
        ("size 100 200 300", ["100", "200", "300"]),
        ("See page 12.", ["page 12"]),
        ("Replace 3 bolts.", ["3"]),
        ('Choose "25" in the list.', ["25"]),
        ("Insert 2 in the slot.", ["2"]),
        ("٢٥ Nm", ["25 Nm"]),
        ("No numbers and/or codes here, ups.conf", []),
        ("", []),
    ],
)
def test_what_is_found(text: str, expected: list[str]) -> None:
    assert forms(text) == expected


@pytest.mark.parametrize(
    "line", ["1. Loosen the bolts.", "2) Lift.", "(3) Turn.", "Step 4: wait.", "- 5. Close it."]
)
def test_the_number_of_a_list_is_no_value(line: str) -> None:
    assert forms(line) == []


def test_a_value_is_shown_as_it_stands() -> None:
    assert [value.text for value in find_values("Use 1,450 rpm, E 207 and 4 to 20 mA.")] == [
        "1,450 rpm", "E 207", "4 mA", "20 mA",
    ]  # fmt: skip


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for value in find_values(text):
        assert value.text
        assert value.form in value.proves


@given(st.text(alphabet="0123456789.,:-/ °Cmm'\"½²−()[]|x\nE"))
def test_any_mess_of_digits_can_be_read(text: str) -> None:
    for value in find_values(text):
        assert value.form in value.proves
