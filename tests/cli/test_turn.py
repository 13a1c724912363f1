from __future__ import annotations

import io
from dataclasses import replace

import pytest

from edge.cli.screen import Screen
from edge.cli.turn import TurnView, passages, show_answer
from edge.types import Answer, Answered, Citation, Evidence, EvidenceFound, Passage, TokenStreamed, Warning

VENT = Passage(
    "pumps", "1.2", "px-200.pdf", "PX-200", 12, 12, "10", "Venting > Procedure", "Open the vent screw.", 0.9
)
FAULT = replace(VENT, document="faults.csv", page_from=3, page_to=4, page_label=None, heading="", signed=True)
EVIDENCE = Evidence("vent", (VENT, FAULT), 0.9, {"vnet": "vent"})
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


def test_evidence_names_document_page_and_heading_and_marks_what_is_unsigned() -> None:
    assert shown(EvidenceFound(EVIDENCE, 31)) == (
        "Read 'vnet' as 'vent'.\n"
        "[1] px-200.pdf, page 12 (printed 10)  pumps 1.2  UNSIGNED\n"
        "    Venting > Procedure\n"
        "    Open the vent screw.\n"
        "\n"
        "[2] faults.csv, pages 3-4  pumps 1.2\n"
        "    Open the vent screw.\n"
    )


def test_in_brief_the_text_is_left_out() -> None:
    assert "Open" not in shown(EvidenceFound(EVIDENCE, 31), brief=True)


def test_the_answer_comes_with_warnings_word_for_word_sources_and_notice() -> None:
    assert shown(Answered(ANSWER)) == (
        "\nAnswer\nOpen the vent screw [1].\n"
        "\nWarning\n! WARNING: Switch off the mains. [1]\n"
        "\nLeft out\nNo cited page contains 45 Nm.\n"
        "\nSources\n[1] px-200.pdf, page 12 (printed 10)  pumps 1.2  UNSIGNED\n    Venting > Procedure\n"
        "\nNote: This answer quotes the manual instead.\n"
        "\nllama:tiny, evidence in 31 ms, 0.9 s in all\n"
    )


def test_piped_only_the_checked_answer_is_printed() -> None:
    assert "provisional" not in shown(TokenStreamed("provisional 45 Nm"), Answered(ANSWER))


def test_a_refusal_shows_the_nearest_page() -> None:
    refusal = Answer("Not in the installed packs.", "refused", "extractive", (Citation(1, VENT),))
    assert shown(Answered(refusal)).startswith(
        "\nAnswer\nNot in the installed packs.\n\nNearest page\n[1] px-200.pdf, page 12"
    )


def test_piped_passages_are_whole() -> None:
    text = "\n".join(f"Step {n}." for n in range(30))
    stream = io.StringIO()
    passages(Screen(stream), [replace(VENT, text=text)])
    assert "    Step 29." in stream.getvalue()


@pytest.mark.parametrize("field", ["text", "engine", "notice"])
def test_nothing_an_engine_says_commands_the_terminal(field: str) -> None:
    stream = io.StringIO()
    show_answer(Screen(stream), replace(ANSWER, **{field: "\x1b[2Jgone"}))
    assert "\x1b" not in stream.getvalue()
    assert "gone" in stream.getvalue()
