from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.text.leading import take_leading

TEXTS = st.lists(
    st.sampled_from(["Stop.", "Open the valve!", "3 Nm", "\n", "A long line without an end", ""])
).map(" ".join)


def words(text: str) -> int:
    return len(text.split())


def test_what_fits_stays_as_it_is() -> None:
    assert take_leading("Stop  it.\nNow.", 3, words) == "Stop  it.\nNow."


def test_it_is_cut_where_a_sentence_or_a_line_ends() -> None:
    assert take_leading("Open the vent screw. Close the valve.", 6, words) == "Open the vent screw."
    assert take_leading("Open the vent screw\nClose the valve", 6, words) == "Open the vent screw"


def test_a_first_sentence_that_is_too_long_is_cut_after_a_word() -> None:
    assert take_leading("Open the vent screw by one turn.", 3, words) == "Open the vent"
    assert take_leading("Open the vent screw.", 0, words) == ""


@given(TEXTS, st.integers(0, 20))
def test_it_has_room_and_is_a_beginning(text: str, room: int) -> None:
    kept = take_leading(text, room, words)
    assert words(kept) <= room
    assert text.split()[: words(kept)] == kept.split()


@given(TEXTS, st.integers(1, 20))
def test_something_is_left_of_every_text_with_words(text: str, room: int) -> None:
    assert bool(take_leading(text, room, words).strip()) == bool(text.strip())
