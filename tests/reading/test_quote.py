"""What is quoted, and with what."""

from __future__ import annotations

from dataclasses import replace

from edge.reading.quote import Quotation, quote
from tests.reading.conftest import MakeReading, make_passage
from tests.reading.test_candidates import TABLE, VENT


def test_a_row_is_quoted_with_its_header_under_its_heading(make_reading: MakeReading) -> None:
    reading = make_reading("torque M12", "M12", make_passage(TABLE, "Bolts > Class 8.8"))
    assert quote(reading) == [Quotation("Class 8.8: Thread: M12; Torque (Nm): 88", 1)]


def test_a_sentence_that_refers_back_comes_with_the_one_before_it(make_reading: MakeReading) -> None:
    reading = make_reading("how long may it run", "It must not", make_passage(VENT))
    assert quote(reading) == [Quotation("The pump then runs dry. It must not run longer than a minute.", 1)]


def test_a_step_is_quoted_whole_and_alone(make_reading: MakeReading) -> None:
    reading = make_reading("which valve", "1. Close", make_passage(VENT))
    assert quote(reading) == [Quotation("1. Close the valve. It is the red one.", 1)]


def test_a_procedure_is_quoted_whole_under_its_name(make_reading: MakeReading) -> None:
    reading = make_reading("how do I vent", "procedure", make_passage(VENT, "Pump > Venting"))
    assert [line.text for line in quote(reading)] == [
        "Venting:", "To vent the pump:", "1. Close the valve. It is the red one.", "2. Open the screw."
    ]  # fmt: skip


def test_steps_that_begin_elsewhere_are_marked(make_reading: MakeReading) -> None:
    reading = make_reading("how", "procedure", make_passage("3. Turn it.\n4. Stop.", ""))
    assert [line.text for line in quote(reading)] == ["…", "3. Turn it.", "4. Stop."]


def test_a_second_unit_is_quoted_when_it_is_nearly_as_likely(make_reading: MakeReading) -> None:
    reading = make_reading("torque", "M1", make_passage(TABLE, ""))
    assert [line.text for line in quote(reading)] == [
        "Thread: M10; Torque (Nm): 50",
        "Thread: M12; Torque (Nm): 88",
    ]


def test_steps_and_sentences_about_another_value_do_not_run_on(make_reading: MakeReading) -> None:
    trip = make_passage("The screw trips at 110 degrees.\n1. Check the oil level.\nDo not reset it again.")
    assert [line.text for line in quote(make_reading("when does it trip", "The screw", trip))] == [
        "The screw trips at 110 degrees."
    ]
    ferrules = make_passage("The colours follow the table. A 2.5 mm² ferrule is blue.")
    assert [line.text for line in quote(make_reading("colour for 35 mm2", "The colours", ferrules))] == [
        "The colours follow the table."
    ]


def test_what_asks_or_announces_is_quoted_with_what_follows(make_reading: MakeReading) -> None:
    faq = make_passage("- Problem: the programmer is slow.\nSolution: set the port to low latency.")
    assert [line.text for line in quote(make_reading("programmer slow", "- Problem", faq))] == [
        "- Problem: the programmer is slow.", "Solution: set the port to low latency."
    ]  # fmt: skip


def test_two_documents_that_disagree_are_both_quoted_by_name(make_reading: MakeReading) -> None:
    old = make_passage("M12 bolts of the cover: 80 Nm.")
    new = replace(make_passage("M12 bolts of the cover: 88 Nm."), document="bulletin.md", version="2.0")
    assert quote(make_reading("torque of the M12 cover bolts", "M12", old, new)) == [
        Quotation("manual.md (pumps 1.0): M12 bolts of the cover: 80 Nm.", 1),
        Quotation("bulletin.md (pumps 2.0): M12 bolts of the cover: 88 Nm.", 2),
    ]
    same = replace(new, text=old.text)
    assert len(quote(make_reading("torque of the M12 cover bolts", "M12", old, same))) == 1
    elsewhere = replace(new, text="M12 nuts of a flange on the roof: 45 Nm.")
    assert (
        "bulletin" not in quote(make_reading("torque of the M12 cover bolts", "M12", old, elsewhere))[0].text
    )


def test_nothing_is_quoted_of_nothing(make_reading: MakeReading) -> None:
    assert quote(make_reading("torque", "M1")) == []
