from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.cli.ui.screen import Screen
from edge.cli.ui.turn import TurnView, shorten_breadcrumb, show_answer, show_evidence, show_passages
from edge.types import Answer, Answered, Citation, Evidence, EvidenceFound, Passage, TokenStreamed, Warning

VENT = Passage(
    "pumps", "1.2", "px-200.pdf", "PX-200", 12, 12, "10", "Venting > Procedure", "Open the vent screw.", 0.9
)
FAULT = Passage("codes", "3", "faults.csv", "Faults", 3, 4, None, "", "E-207 | drain", 0.8, signed=True)
EVIDENCE = Evidence("vent", (VENT, FAULT), {"vnet": "vent"})
ANSWER = Answer(
    "Open the vent screw [1].",
    "generated",
    "llama:tiny",
    (Citation(1, VENT),),
    (Warning("WARNING: Switch off the mains.", 1),),
    ("45 Nm",),
    timings_ms={"evidence": 31.2, "total": 900.0},
    notice="This answer quotes the manual instead.",
)


def shown(*events: EvidenceFound | TokenStreamed | Answered, brief: bool = False) -> str:
    stream = io.StringIO()
    with TurnView(Screen(stream), brief) as view:
        for event in events:
            view.show(event)
    return stream.getvalue()


def written(show: Callable[..., None], *arguments: object) -> str:
    stream = io.StringIO()
    show(Screen(stream), *arguments)
    return stream.getvalue()


def test_evidence_takes_a_line_a_passage_and_names_each_pack_once_with_its_mark() -> None:
    assert shown(EvidenceFound(EVIDENCE, 31)) == (
        "Read 'vnet' as 'vent'.\n"
        "Found in pumps 1.2  UNSIGNED, codes 3\n"
        "[1] px-200.pdf, page 12 (printed 10)  pumps  Venting > Procedure\n"
        "    Open the vent screw.\n"
        "[2] faults.csv, pages 3-4  codes\n"
    )


def test_one_pack_is_not_named_in_each_line() -> None:
    assert written(show_evidence, replace(EVIDENCE, passages=(VENT,)), 0) == (
        "Found in pumps 1.2  UNSIGNED\n[1] px-200.pdf, page 12 (printed 10)  Venting > Procedure\n"
    )


def test_nothing_found_names_no_pack() -> None:
    assert written(show_evidence, replace(EVIDENCE, passages=()), 3) == ""


def test_of_the_first_passage_the_lines_about_the_question_are_shown() -> None:
    text = "\n".join([*(f"Step {n}." for n in range(30)), "Open the vent screw.", "Close it."])
    out = written(show_evidence, replace(EVIDENCE, passages=(replace(VENT, text=text),)), 3)
    assert out.endswith("Procedure\n    … Step 28.\n    Step 29.\n    Open the vent screw. …\n")


@pytest.mark.parametrize(
    ("columns", "expected"), [(40, "Venting > Procedure"), (12, "Procedure"), (3, "Procedure")]
)
def test_of_a_breadcrumb_two_parts_are_shown_where_they_fit(columns: int, expected: str) -> None:
    assert shorten_breadcrumb("PX-200 > Venting > Procedure", columns) == expected


def test_in_brief_the_text_is_left_out() -> None:
    assert "Open" not in shown(EvidenceFound(EVIDENCE, 31), brief=True)


def test_warnings_stand_under_the_answer_word_for_word_then_what_is_left_out_and_sources() -> None:
    assert shown(Answered(ANSWER)) == (
        "\nAnswer\nOpen the vent screw [1].\n"
        "! WARNING: Switch off the mains. [1]\n"
        "Left out: No cited page contains 45 Nm.\n"
        "Note: This answer quotes the manual instead.\n"
        "\nSources\n[1] px-200.pdf, page 12 (printed 10)\n"
        "\nllama:tiny, evidence in 31 ms, 0.9 s in all\n"
    )


def test_sources_name_the_pack_when_there_are_several() -> None:
    assert "[1] px-200.pdf, page 12 (printed 10)  pumps\n\nllama" in shown(
        EvidenceFound(EVIDENCE, 31), Answered(ANSWER)
    )


def test_piped_only_the_checked_answer_is_printed() -> None:
    assert "provisional" not in shown(TokenStreamed("provisional 45 Nm"), Answered(ANSWER))


def test_a_refusal_names_its_page_once() -> None:
    text = "Not in the installed packs. Nearest: px-200.pdf, page 12 [1]."
    refusal = Answer(text, "refused", "extractive", (Citation(1, VENT),))
    assert shown(Answered(refusal)) == f"\nAnswer\n{text}\n\nextractive\n"


def test_searched_passages_are_excerpts_or_whole() -> None:
    text = "\n".join(f"Step {n}." for n in range(30))
    evidence = replace(EVIDENCE, passages=(replace(VENT, text=text),))
    assert written(show_passages, evidence, False).endswith("    Step 5. …\n")
    assert written(show_passages, evidence, True).endswith("    Step 29.\n")


@pytest.mark.parametrize("field", ["text", "engine", "notice"])
def test_nothing_an_engine_says_commands_the_terminal(field: str) -> None:
    stream = io.StringIO()
    show_answer(Screen(stream), replace(ANSWER, **{field: "\x1b[2Jgone"}))
    assert "\x1b" not in stream.getvalue()
    assert "gone" in stream.getvalue()
