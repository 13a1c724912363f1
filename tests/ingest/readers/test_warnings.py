"""What counts as a safety warning, and how far it reaches."""

from __future__ import annotations

import pytest

from edge.ingest.document import Block
from edge.ingest.readers.warnings import is_note_label, join_warnings, split_signal


@pytest.mark.parametrize(
    ("text", "signal", "rest"),
    [
        ("WARNING: Hot surface.", "WARNING", "Hot surface."),
        ("Warning! Hot surface.", "WARNING", "Hot surface."),
        ("CAUTION Hot surface.", "CAUTION", "Hot surface."),
        ("Danger – high voltage", "DANGER", "high voltage"),
        ("⚠ Do not open.", "WARNING", "Do not open."),
        ("⚠️ DANGER: 400 V", "DANGER", "400 V"),
        ("! CAUTION: Hot", "CAUTION", "Hot"),
        ("W A R N I N G", "WARNING", ""),
        ("Notice", "NOTICE", ""),
        ("ACHTUNG: Heiß", "ACHTUNG", "Heiß"),
    ],
)
def test_a_signal_word_opens_a_warning(text: str, signal: str, rest: str) -> None:
    assert split_signal(text) == (signal, rest)


@pytest.mark.parametrize(
    "text",
    [
        "Warning lamps are red.",
        "Note: The order does not matter.",
        "Notice that the lamp is off.",
        "The WARNING lamp is red.",
        "Dangerous goods: see there.",
        "! important",
        "",
    ],
)
def test_other_text_does_not(text: str) -> None:
    assert split_signal(text) is None


def test_a_note_is_known_but_is_no_warning() -> None:
    assert is_note_label("Note")
    blocks = list(join_warnings([Block("paragraph", "Note:"), Block("paragraph", "Keep the screws.")]))
    assert [(b.kind, b.text) for b in blocks] == [("paragraph", "Note: Keep the screws.")]


def test_a_lone_signal_word_takes_the_paragraph_after_it_and_its_place() -> None:
    blocks = list(
        join_warnings([Block("heading", "Caution", page=3), Block("paragraph", "Hot oil.", page=3)])
    )
    assert blocks == [Block("warning", "CAUTION: Hot oil.", page=3)]


def test_a_warning_keeps_the_list_it_announces() -> None:
    source = [
        Block("paragraph", "WARNING: Before you open the door:"),
        Block("item", "- switch off"),
        Block("item", "- wait ten minutes"),
        Block("paragraph", "Then open it."),
    ]
    blocks = list(join_warnings(source))
    assert [b.kind for b in blocks] == ["warning", "paragraph"]
    assert blocks[0].text == "WARNING: Before you open the door: - switch off - wait ten minutes"


def test_a_table_row_that_starts_with_a_signal_word_is_a_warning() -> None:
    (block,) = join_warnings([Block("row", "DANGER | Do not touch.", header="Sign | Meaning")])
    assert (block.kind, block.text, block.header) == ("warning", "DANGER: Do not touch.", "")


def test_a_signal_word_in_code_or_with_nothing_after_it_is_left_alone() -> None:
    code = Block("code", "WARNING: low disk")
    assert list(join_warnings([code])) == [code]
    assert [b.text for b in join_warnings([Block("paragraph", "WARNING")])] == ["WARNING"]
