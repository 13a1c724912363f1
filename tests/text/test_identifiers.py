"""Codes meet however they are spelt, and nothing else is taken for one."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.text.identifiers import (
    MAX_LENGTH,
    find_asked_identifiers,
    find_identifiers,
    find_named_codes,
    normalise,
)

CAPITALS = st.text(alphabet=string.ascii_uppercase, min_size=1, max_size=4)
NUMBERS = st.integers(0, 99999).map(str)


@pytest.mark.parametrize("spelling", ["E-207", "e207", "E 207", "E/207", "E.207", "e_207"])
def test_e_207_e207_and_e_space_207_meet(spelling: str) -> None:
    assert find_identifiers(f"The display shows {spelling}.") == ["e207"]


@given(CAPITALS, NUMBERS, st.sampled_from(["", "-", " ", ".", "_", "/"]))
def test_letters_and_a_number_meet_however_they_are_joined(letters: str, number: str, between: str) -> None:
    assert (letters + number).lower() in find_identifiers(f"Code {letters}{between}{number} is shown")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bearing 6205-2RS1/C3", "62052rs1c3"),
        ("part 912-4501", "9124501"),
        ("scale 1:200", "1200"),
        ("M8x1.25", "m8x125"),
        ("set battery.charge.low", "batterychargelow"),
        ("edit ups.conf", "upsconf"),
        ("MAX_RETRY", "maxretry"),
        ("IP67", "ip67"),
        ("DIN 912", "din912"),
        ("ring 0914_31", "091431"),
        ("kit 210.330.040", "210330040"),
    ],
)
def test_part_numbers_standards_and_settings_are_codes(text: str, code: str) -> None:
    assert find_identifiers(text) == [code]


@pytest.mark.parametrize(
    "text",
    ["25.5", "1,000 hours", "on page 12", "The motor stops.", "e.g. this", "x", "3.5 and 4", "Wait. Then go.", ""],
)  # fmt: skip
def test_numbers_and_words_are_none(text: str) -> None:
    assert find_identifiers(text) == []


def test_each_code_comes_once_in_the_order_of_the_text() -> None:
    assert find_identifiers("E-311 after E-207, then e311 again and F 4") == ["e311", "e207", "f4"]


def test_a_question_is_asked_with_neighbouring_words_joined() -> None:
    assert find_asked_identifiers("battery charge low")[-1] == "batterychargelow"
    assert "e207" in find_asked_identifiers("what does e 207 mean")
    assert "9124501" in find_asked_identifiers("order 912 4501")


def test_words_are_not_joined_over_stop_words() -> None:
    assert find_asked_identifiers("the drain of the pump") == []


@pytest.mark.parametrize("spelling", ["E-207", "e207", "E 207", "e 207", "e-207"])
def test_every_spelling_that_people_type_asks_for_the_code_of_the_manual(spelling: str) -> None:
    assert set(find_identifiers("E-207")) <= set(find_asked_identifiers(f"what does {spelling} mean"))


@given(st.text())
def test_a_normal_form_is_its_own_normal_form(code: str) -> None:
    assert normalise(normalise(code)) == normalise(code)


@given(st.text() | st.text(alphabet="E207-_./: ab"))
def test_any_text_gives_short_normal_forms_each_once(text: str) -> None:
    for codes in (find_identifiers(text), find_asked_identifiers(text)):
        assert len(codes) == len(set(codes))
        assert all(code == normalise(code) and 0 < len(code) <= MAX_LENGTH for code in codes)
        assert '"' not in "".join(codes)
    assert set(find_identifiers(text)) <= set(find_asked_identifiers(text))


def test_codes_that_can_be_no_value_are_told_as_they_are_written() -> None:
    assert find_named_codes("What is E-207 at 400V and GA37, e207, 30mA, M8?") == {
        "e207": "E-207",
        "ga37": "GA37",
    }
    assert find_named_codes("DIN 912 or ups.conf") == {"din912": "DIN 912"}
    assert find_named_codes("IPX6, IP67 or IK08?") == {}
    assert find_named_codes("") == {}


@pytest.mark.parametrize(
    ("text", "code"), [("5210/44-B", "521044b"), ("2-310-877-1", "23108771"), ("order E-207", "e207")]
)
def test_a_number_with_two_separators_names_something(text: str, code: str) -> None:
    assert list(find_named_codes(text)) == [code]


@pytest.mark.parametrize("value", ["400V", "16-bit", "230V/50Hz", "1.5 mm", "4096"])
def test_a_value_names_nothing(value: str) -> None:
    assert find_named_codes(value) == {}
