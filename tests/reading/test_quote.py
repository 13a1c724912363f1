"""Answers without a language model: the passages themselves, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.guard.answer import check
from edge.reading.quote import EXTRACTIVE, ExtractiveEngine
from edge.text.units import CELL, split_units
from edge.types import ChunkKind, Passage, Prompt
from tests.guard.conftest import passage as text_passage

TORQUE = "The housing bolts are tightened to 25 Nm. The coupling bolts are tightened to 8 Nm. Both are of grade 8.8."
GREASE = "The bearing takes 12 grams of grease each year. Wipe off what comes out."
VENTING = """WARNING: The pump starts without notice.
To vent the pump:
1. Close the discharge valve.
2. Open the vent screw by one turn.
   It drips.
3. Close it when no bubbles come.
The pump is then ready."""
FAULTS = """| Code | Meaning | Remedy
E-207 | blocked condensate drain | clear the drain
E-311 | phase missing at the inverter | check the fuses"""


def passage(text: str, kind: ChunkKind = "text", heading: str = "Pump > Service") -> Passage:
    made = text_passage(text, heading)
    return Passage(*(kind if name == "kind" else getattr(made, name) for name in made.__slots__))


def answer(question: str, *passages: Passage) -> str:
    return "".join(ExtractiveEngine().stream(Prompt(question, passages, (), 256)))


# Sentences and rows


def test_the_best_sentence_is_quoted_word_for_word_with_its_passage() -> None:
    said = answer("How much grease does the bearing take?", passage(TORQUE), passage(GREASE))
    assert said.splitlines()[0].startswith("The bearing takes 12 grams of grease each year.")
    assert said.splitlines()[0].endswith("[2]")


def test_two_sentences_are_quoted_when_both_answer_in_the_order_of_the_text() -> None:
    said = answer("To what torque are the bolts tightened?", passage(TORQUE))
    assert "The housing bolts are tightened to 25 Nm. " in said
    assert "The coupling bolts are tightened to 8 Nm. " in said
    assert said.count("[1]") == 1


def test_what_follows_comes_along_while_it_is_short() -> None:
    said = answer("How is the sequence tested?", passage("To test the sequence, use:\nupsdrvctl -t shutdown"))
    assert said.splitlines() == ["To test the sequence, use: [1]", "upsdrvctl -t shutdown [1]"]
    long = f"The seal is changed each year. {'Meanwhile nothing else happens at all here. ' * 12}"
    assert len(answer("When is the seal changed?", passage(long)).split()) <= 2 * 70


def test_a_second_sentence_that_answers_less_is_left_out() -> None:
    assert answer("grams of grease for the bearing each year", passage(GREASE)).count("\n") == 0


def test_of_sentences_alike_that_of_the_better_passage_is_quoted_first() -> None:
    said = answer("grease bearing", passage(GREASE), passage(GREASE))
    assert said.startswith("The bearing takes 12 grams of grease each year.")
    assert said.splitlines()[0].endswith("[1]")


def test_a_row_is_quoted_with_the_names_of_its_columns() -> None:
    said = answer("What does E-207 mean?", passage(FAULTS, "table"))
    assert (
        said.splitlines()[0] == "Code: E-207; Meaning: blocked condensate drain; Remedy: clear the drain [1]"
    )


def test_the_row_of_another_number_is_no_answer() -> None:
    above = "| Temperature (°C) | Pt100 (Ω)\n200 | 175.86\n250 | 194.10"
    below = "| Temperature (°C) | Pt100 (Ω)\n50 | 119.40\n100 | 138.51"
    said = answer("What ohms at 100 degrees for a Pt100?", passage(above, "table"), passage(below, "table"))
    assert said.splitlines() == ["Temperature (°C): 100; Pt100 (Ω): 138.51 [2]"]


def test_the_row_of_the_code_asked_for_is_quoted() -> None:
    table = passage(
        "Dry M10 bolts of class 8.8 take 50 Nm.\n| Bolt | Dry (Nm) | Oiled (Nm)\nM8 | 25 | 19\nM10 | 50 | 38",
        "table",
    )
    said = answer("how tight is an oiled M8 bolt", table)
    assert said == "Bolt: M8; Dry (Nm): 25; Oiled (Nm): 19 [1]"


def test_only_the_first_passages_are_quoted() -> None:
    others = [passage(f"Text {n} says nothing.") for n in range(3)]
    assert "grease" not in answer("grease of the bearing", *others, passage(GREASE))


def test_sentences_that_are_close_in_meaning_are_found_in_other_words() -> None:
    text = f"{TORQUE} {GREASE}"
    close = {unit.text: 0.7 if "grams" in unit.text else 0.1 for unit in split_units(text, "text")}
    said = answer("amount of lubricant", replace(passage(text), closeness=close))
    assert "12 grams of grease" in said


def test_a_sentence_that_was_not_compared_is_no_closer_than_any_other() -> None:
    close = {
        "The housing bolts are tightened to 25 Nm.": 0.2,
        "The coupling bolts are tightened to 8 Nm.": 0.4,
    }
    said = answer("shaft connection", replace(passage(TORQUE), closeness=close))
    assert said.startswith("The coupling bolts are tightened to 8 Nm.")


# Procedures


@pytest.mark.parametrize(
    "question", ["How do I vent the pump?", "venting procedure", "What are the steps to vent it?"]
)
def test_a_procedure_is_quoted_whole_with_the_line_that_introduces_it(question: str) -> None:
    assert answer(question, passage(VENTING, "steps")).splitlines() == [
        "Service:",
        "To vent the pump:",
        "1. Close the discharge valve.",
        "2. Open the vent screw by one turn.",
        "   It drips.",
        "3. Close it when no bubbles come. [1]",
    ]


def test_a_question_for_a_fact_gets_no_procedure() -> None:
    assert "1." not in answer("Which warning?", passage(VENTING, "steps")).splitlines()[0]


def test_a_text_without_steps_is_quoted_by_sentences() -> None:
    assert answer("How do I grease the bearing?", passage(GREASE)).startswith("The bearing takes")
    assert "1. Only" in answer("How to?", passage("1. Only this step exists."))


def test_a_procedure_is_looked_for_in_the_best_passage_only() -> None:
    said = answer("How do I grease the bearing?", passage(GREASE), passage(VENTING, "steps"))
    assert "12 grams" in said


def test_steps_of_two_procedures_are_never_mixed() -> None:
    locking = "1. Tell everybody.\n2. Stop the machine.\n3. Lock the isolator off."
    unlocking = "1. Count the tools.\n2. Take the locks off in order.\n3. Close the isolators."
    said = answer(
        "What order to lock the isolator off?", passage(unlocking, "steps"), passage(locking, "steps")
    )
    assert {line.removesuffix(" [2]").removesuffix(" [1]") for line in said.splitlines()[1:]} in (
        set(locking.splitlines()),
        set(unlocking.splitlines()),
    )


def test_of_two_procedures_in_one_passage_one_is_quoted() -> None:
    both = "1. Close it.\n2. Drain it.\nTo start again:\n1. Fill it.\n2. Open it."
    said = answer("How do I drain it?", passage(both, "steps"))
    assert said.splitlines()[1:] == ["1. Close it.", "2. Drain it. [1]"]


def test_a_procedure_that_begins_on_another_page_says_so() -> None:
    said = answer("How do I do it?", passage("6. Close it.\n7. Lock it.", "steps"))
    assert said.splitlines()[1:] == ["…", "6. Close it.", "7. Lock it. [1]"]


def test_a_row_with_the_code_asked_for_is_not_followed_by_another_code() -> None:
    assert "E-311" not in answer("E-207", passage(FAULTS, "table"))


# As an engine


def test_without_passages_it_says_nothing() -> None:
    assert answer("anything") == ""
    assert answer("anything", passage("---\n* * *")) == ""


def test_it_is_an_engine_that_needs_no_context_and_stops_when_cancelled() -> None:
    engine = ExtractiveEngine()
    prompt = Prompt("bolts tightened", (passage(TORQUE),), (), 0)
    assert engine.name == EXTRACTIVE
    assert engine.fits(prompt)
    assert list(engine.stream(prompt, cancelled=lambda: True)) == []
    engine.close()
    engine.close()


VALUES = st.sampled_from(
    "25 Nm|2.5 mm|E-207|-40 °C|1/2 in|3 x 400 V|M8|IP67|±5 %|10,000 h|230/400 V|8.8|0.5 l/min|912-4501|5–10 bar".split(
        "|"
    )
)
SENTENCES = st.lists(
    st.builds("{} is {} for the {}.".format, st.sampled_from(["Pressure", "Gap", "It"]), VALUES, VALUES),
    min_size=1,
).map(" ".join)
ROWS = st.lists(st.tuples(st.sampled_from(["Bolt", "Seal", "Oil"]), VALUES, VALUES), min_size=1).map(
    lambda rows: "\n".join(CELL.join(row) for row in [("| Part", "Value", "Limit (mm)"), *rows])
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SENTENCES | ROWS, min_size=1, max_size=3),
    st.sampled_from(["gap", "how do I set it", "limit of 8.8"]),
)
def test_what_is_quoted_stands_in_the_passages_and_passes_the_guard(texts: list[str], question: str) -> None:
    passages = [passage(text, "table" if CELL in text else "text") for text in texts]
    said = answer(question, *passages)
    spoken = {unit.spoken for each in passages for unit in split_units(each.text, each.kind)}
    whole = {" ".join(each.text.split()) for each in passages}
    for line in said.splitlines():
        quoted = line.rsplit(" [", 1)[0]
        assert quoted in spoken or any(quoted in text for text in whole)
    verdict = check(said, passages)
    assert verdict.unverified == ()
    assert not verdict.ungrounded
    assert verdict.text == said


@given(
    question=st.text(), text=st.text(), kind=st.sampled_from(["text", "steps", "table", "code", "warning"])
)
def test_any_question_about_any_text_is_answered(question: str, text: str, kind: ChunkKind) -> None:
    said = answer(question, passage(text, kind))
    assert bool(said) == bool(split_units(text, kind)) or "[1]" in said
