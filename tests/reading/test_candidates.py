"""What could be quoted of a passage."""

from __future__ import annotations

from edge.reading.candidates import list_candidates
from tests.reading.conftest import make_passage

VENT = """WARNING: Switch off first.
To vent the pump:
1. Close the valve. It is the red one.
2. Open the screw.
The pump then runs dry. It must not run longer than a minute."""
TABLE = """| Thread | Torque (Nm)
M10 | 50
M12 | 88"""


def test_sentences_steps_and_the_whole_procedure_can_be_quoted() -> None:
    found = [(c.kind, c.text) for c in list_candidates([make_passage(VENT)])]
    assert ("step", "1. Close the valve. It is the red one.") in found
    assert ("sentence", "The pump then runs dry.") in found
    whole = "To vent the pump:\n1. Close the valve. It is the red one.\n2. Open the screw."
    assert ("procedure", whole) in found


def test_a_row_knows_its_name_and_those_of_its_neighbours() -> None:
    first, second = list_candidates([make_passage(TABLE)])
    assert (first.kind, first.name, first.siblings) == ("row", "M10", ("M12",))
    assert second.spoken == "Thread: M12; Torque (Nm): 88"


def test_a_sentence_knows_what_stands_before_and_behind_it() -> None:
    by_text = {c.text: c for c in list_candidates([make_passage("One goes. Two follows. Three ends.")])}
    assert (by_text["Two follows."].lead, by_text["Two follows."].after) == ("One goes.", "Three ends.")


def test_passages_are_numbered_from_one() -> None:
    assert [c.n for c in list_candidates([make_passage("One."), make_passage("Two.")])] == [1, 2]
