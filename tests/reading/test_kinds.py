"""Units about another kind or number of the thing that is asked about."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reading.candidates import Candidate, list_candidates
from edge.reading.kinds import is_another_kind
from tests.reading.conftest import make_passage


def make_unit(text: str, heading: str = "") -> Candidate:
    return list_candidates([make_passage(text, heading)])[-1]


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("oil free screw comp, normal discharge temp", "Oil-injected compressors discharge at 75 °C.", True),
        ("oil free screw comp, normal discharge temp", "Oil-free compressors discharge at 160 °C.", False),
        ("oil free comp", "Oil-free and oil-injected compressors run at 75 °C.", False),
        ("lead free solder temp", "Oil-free joints need 350 °C.", False),
        ("water cooled chiller flow", "Air-cooled chillers need 3 m of room.", True),
        ("2-wire pt100 colour", "The four-wire sensor has two red cores.", True),
        ("2 wire pt100 colour", "The two-wire sensor has one red core.", False),
        ("single phase motor", "Three-phase motors have six ends.", True),
        ("luftgekühlter Motor", "Wassergekühlte Motoren brauchen 3 bar.", True),
        ("exit code 98 means", "It ends with the special exit code of 99.", True),
        ("exit code 98 means", "It ends with codes 90 to 99.", False),
        ("exit code 98 means", "It ends with code 97, 98 or 99.", False),
        ("bit 9?", "| Bit | Meaning\n7 | Replace battery", True),
        ("bit 7?", "| Bit | Meaning\n7 | Replace battery", False),
        ("serial 1876, greased or oiled", "Built before serial number 2140: greased.", False),
        ("class 10.9 bolt", "Bolts of class 8.8 take 50 Nm.", True),
        ("fill at 2 bar", "Fill at 3 bar.", False),
        ("torque for stage 2", "Torque: 40 Nm.", False),
    ],
)
def test_another_kind_or_number_of_a_thing_is_another_thing(question: str, text: str, expected: bool) -> None:
    assert is_another_kind(question, make_unit(text)) is expected


def test_the_heading_says_which_kind_a_unit_is_about() -> None:
    unit = make_unit("Discharge: 75 °C.", heading="Oil-injected compressors")
    assert is_another_kind("discharge temp oil free compressor", unit)


@given(st.text(), st.text())
def test_any_question_is_read_and_what_repeats_it_is_of_its_kind(question: str, text: str) -> None:
    for unit in list_candidates([make_passage(f"A. {text}")]):
        is_another_kind(question, unit)
        assert not is_another_kind(unit.spoken.lower(), replace(unit, header=""))
