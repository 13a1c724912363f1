"""Kinds of quantity: asked for by questions, stated by texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.text.quantities import find_asked_quantities, find_stated_quantities


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How long does the pump run on?", "time"),
        ("how often do I change the oil", "time"),
        ("max ms for a 30 mA rcd", "time"),
        ("how heavy is the motor", "mass"),
        ("what is the weight of the lid", "mass"),
        ("price of a new bearing", "price"),
        ("what does a filter cost", "price"),
        ("hottest room it may run in", "temperature"),
        ("What is the maximum ambient temperature?", "temperature"),
        ("longest cable between the two", "length"),
        ("how deep must the rod go", "length"),
        ("what torque do the bolts need", "torque"),
        ("torque for the housing bolts", "torque"),
        ("which voltage does it need", "voltage"),
        ("how many amps does it draw", "current"),
        ("How many grams of grease does the bearing take?", "mass"),
        ("how many bars in the tyre", "pressure"),
        ("wie viele Liter Öl", "volume"),
        ("how many weeks between checks", "time"),
    ],
)
def test_a_question_asks_for_a_kind_of_quantity(question: str, name: str) -> None:
    assert name in find_asked_quantities(question)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("how many Nm for the lid", "torque"),
        ("mm2 for feeding a KS15", "area"),
        ("ohms of the fan motor", "resistance"),
        ("Anzugsmoment der Mutter", "torque"),
    ],
)
def test_the_name_of_a_unit_asks_for_what_it_measures(question: str, name: str) -> None:
    assert name in find_asked_quantities(question)


@pytest.mark.parametrize(
    "question", ["which screws hold the lid", "how do I set the clock", "runs on 400 volts", ""]
)
def test_a_unit_behind_a_number_and_words_alone_ask_for_none(question: str) -> None:
    assert not find_asked_quantities(question)


@pytest.mark.parametrize(
    ("question", "text", "stated"),
    [
        ("how long does it wait", "It waits for 15 seconds.", True),
        ("how often is it greased", "Grease it twice a year.", True),
        ("how long does it wait", "It waits until all 12 clients are gone.", False),
        ("what torque", "| Bolt | Torque (Nm)\nM8 | 25", True),
        ("what torque", "25 N·m, crosswise", True),
        ("what torque", "Tighten by 25 mm.", False),
        ("longest cable", "up to 1.5 m", True),
        ("longest cable", "up to 15 V", False),
        ("what does it cost", "€ 25 each", True),
        ("what does it cost", "25 Nm", False),
        ("how hot may it get", "40 °C at most", True),
        ("how many amps", "250 mA", True),
        ("how many amps", "2 applications", False),
        ("what voltage", "230 VAC", True),
    ],
)
def test_a_text_states_it_or_not(question: str, text: str, stated: bool) -> None:
    assert bool(find_asked_quantities(question) & find_stated_quantities(text)) is stated


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    find_asked_quantities(text)
    find_stated_quantities(text)
