"""Chunks never cross a heading, never cut a warning, a step or a row, and lose no word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ingest.chunk import MAX_TOKENS, chunk_blocks
from edge.ingest.document import Block, SourceDocument
from edge.packs.record import Page, Record
from edge.types import Box


def count(texts: Sequence[str]) -> list[int]:
    """Tokens as a word-piece tokenizer makes them: up to five letters each, every sign one."""
    return [len(re.findall(r"\w{1,5}|[^\w\s]", text)) for text in texts]


def make_chunks(*blocks: Block, title: str = "") -> list[Record]:
    return chunk_blocks(SourceDocument(title, (Page(1),), blocks), count)


def make_prose(words: int, page: int = 1) -> Block:
    """Return a paragraph of short sentences."""
    text = " ".join(("then" if n % 8 else "And") + ("." if n % 8 == 7 else "") for n in range(words))
    return Block("paragraph", text, page)


def make_heading(text: str, level: int = 1, page: int = 1) -> Block:
    return Block("heading", text, page, level=level)


def test_no_chunk_crosses_a_heading_and_each_carries_its_breadcrumb() -> None:
    records = make_chunks(
        make_heading("1 Pump"),
        make_heading("1.1 Seal", 2),
        make_prose(20),
        make_heading("1.2 Shaft", 2),
        make_prose(20),
        make_heading("2 Fan"),
        make_prose(9),
    )
    assert [record.heading for record in records] == ["1 Pump > 1.1 Seal", "1 Pump > 1.2 Shaft", "2 Fan"]
    assert [record.section for record in records] == [2, 3, 4]


def test_text_before_any_heading_stands_under_the_title() -> None:
    assert [
        r.heading for r in make_chunks(make_prose(5), make_heading("Seal"), make_prose(5), title="Pump")
    ] == ["Pump", "Seal"]


def test_headings_with_nothing_under_them_are_text_under_the_heading_above() -> None:
    records = make_chunks(
        make_heading("Faults"),
        make_heading("Motor", 2),
        make_prose(9),
        make_heading("E-207 Replace the sensor", 2),
        make_heading("E-208 Close the door", 2),
        make_heading("Spare parts"),
    )
    assert [(record.heading, record.text) for record in records[1:]] == [
        ("Faults", "E-207 Replace the sensor\nE-208 Close the door"),
        ("", "Spare parts"),
    ]


def test_the_title_of_a_document_alone_is_no_text() -> None:
    assert make_chunks(make_heading("Pump"), title="Pump") == []


def test_small_paragraphs_share_a_chunk_and_long_sections_are_divided_evenly() -> None:
    assert len(make_chunks(*[make_prose(20) for _ in range(6)])) == 1
    sizes = [len(record.text.split()) for record in make_chunks(*[make_prose(25) for _ in range(20)])]
    assert sum(sizes) == 500
    assert all(70 <= size <= 130 for size in sizes)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    records = make_chunks(make_prose(400))
    assert len(records) > 1
    assert all(record.text.endswith(".") for record in records)


def test_a_procedure_that_fits_stays_together() -> None:
    steps = [Block("step", f"{n}. Turn screw number {n} by a quarter turn.") for n in range(1, 9)]
    records = make_chunks(make_prose(90), Block("paragraph", "To align the shaft:"), *steps, make_prose(90))
    assert next(r for r in records if r.kind == "steps").text.startswith("To align the shaft:\n1. Turn")
    assert sum("Turn screw" in r.text for r in records) == 1


def test_a_list_inside_a_procedure_goes_on_under_its_own_lead_in() -> None:
    def items(word: str) -> list[Block]:
        return [Block("item", f"- {word} " + "slowly and with care " * 8, 1) for _ in range(4)]

    steps = [
        Block("paragraph", "To start the pump:", 1),
        Block("step", "1. Open these valves:", 1),
        *items("valve"),
        Block("step", "2. Close these drains:", 1),
        *items("drain"),
        Block("step", "3. Start the motor.", 1),
    ]
    records = make_chunks(make_heading("Pump"), *steps)
    assert len(records) > 2
    for record in records:
        under = ""
        for line in record.text.split("\n"):
            under = line if line.endswith(":") else under
            assert not line.startswith("- ") or line[2:7] in under
    assert records[-1].text.endswith("3. Start the motor.")


def test_a_long_procedure_is_cut_between_steps_and_repeats_its_lead_in() -> None:
    steps = [
        Block("step", f"{n}. Turn the screw with the number {n} by one quarter turn to the right.")
        for n in range(1, 31)
    ]
    records = make_chunks(Block("paragraph", "To align the shaft:"), *steps)
    assert len(records) > 1
    for record in records:
        assert record.kind == "steps"
        lead, *rest = record.text.split("\n")
        assert lead == "To align the shaft:"
        assert set(rest) <= {step.text for step in steps}


def test_code_and_warnings_between_steps_do_not_end_the_procedure() -> None:
    records = make_chunks(
        make_prose(95),
        Block("step", "1. Update the package list:"),
        Block("code", "sudo apt-get update"),
        Block("warning", "WARNING: Do not switch off."),
        Block("step", "2. Install:"),
        Block("code", "sudo apt-get install"),
        make_prose(95),
    )
    whole = next(record for record in records if "1. Update" in record.text)
    assert "2. Install" in whole.text
    assert "WARNING: Do not switch off." in whole.text.split("\n")


def test_every_part_of_a_table_starts_with_its_header() -> None:
    rows = [
        Block("row", f"E-{n} | Overcurrent in phase {n} | Check the cable", header="Code | Cause | Remedy")
        for n in range(60)
    ]
    records = make_chunks(*rows)
    assert len(records) > 3
    assert {record.kind for record in records} == {"table"}
    for record in records:
        header, *lines = record.text.split("\n")
        assert header == "| Code | Cause | Remedy"
        assert set(lines) <= {row.text for row in rows}


def test_every_record_of_a_data_file_is_a_chunk() -> None:
    records = make_chunks(*[Block("record", f"Code: E{n} | Cause: heat") for n in range(3)])
    assert [record.text for record in records] == [f"Code: E{n} | Cause: heat" for n in range(3)]
    assert len({record.section for record in records}) == 3, "rows that only stand near it are no part of it"


@pytest.mark.parametrize("before", [0, 30, 60, 90, 120, 150, 180])
def test_a_warning_stays_whole_and_in_its_section(before: int) -> None:
    warning = Block("warning", "WARNING: " + "The hot surface burns. " * 25)
    records = make_chunks(
        make_heading("Oven"), make_prose(before), warning, make_prose(60), make_heading("Next"), make_prose(5)
    )
    (holding,) = [record for record in records if warning.text in record.text]
    assert holding.heading == "Oven"


def test_a_section_of_nothing_but_a_warning_is_a_warning() -> None:
    assert make_chunks(make_heading("Safety"), Block("warning", "DANGER: High voltage."))[0].kind == "warning"


def test_kinds() -> None:
    assert make_chunks(Block("code", "a = 1\nb = 2"), Block("paragraph", "So."))[0].kind == "code"
    assert make_chunks(Block("step", "1. Stop."), Block("step", "2. Go."), make_prose(5))[0].kind == "steps"
    assert make_chunks(make_prose(5))[0].kind == "text"


def test_pages_and_boxes_are_those_of_the_blocks() -> None:
    boxes = tuple(Box(page, 0.1, 0.1, 0.9, 0.2) for page in (3, 4))
    (record,) = make_chunks(Block("paragraph", "One.", 2), Block("paragraph", "Two.", 3, boxes))
    assert (record.page_from, record.page_to, record.boxes) == (2, 4, boxes)


def test_a_divided_paragraph_shares_out_its_lines() -> None:
    boxes = tuple(Box(1 + n // 20, 0.1, n % 20 / 20, 0.9, n % 20 / 20 + 0.04) for n in range(40))
    records = make_chunks(Block("paragraph", make_prose(400).text, 1, boxes))
    assert records[0].boxes[0] == boxes[0]
    assert records[-1].boxes[-1] == boxes[-1]
    assert all(len(record.boxes) < 40 for record in records)
    assert records[0].page_to == 1


words = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30)
texts = st.lists(words, min_size=1, max_size=300).map(" ".join)
blocks = st.lists(
    st.builds(
        Block,
        kind=st.sampled_from(["heading", "paragraph", "step", "item", "row", "record", "code", "warning"]),
        text=texts,
        page=st.integers(1, 9),
        level=st.integers(1, 4),
        header=st.sampled_from(["", "Code | Cause", "A | " * 100]),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(blocks)
def test_whatever_the_blocks_no_word_is_lost_and_no_chunk_too_large(source: list[Block]) -> None:
    source = sorted(source, key=lambda block: block.page)
    records = make_chunks(*source)
    assert all(size <= MAX_TOKENS for size in count([record.text for record in records]))
    assert all(record.text for record in records)
    kept = "".join("".join(record.text.split()) for record in records)
    for block in source:
        if block.kind != "heading":
            position = 0
            for letter in "".join(block.text.split())[:50]:
                position = kept.find(letter, position)
                assert position >= 0
    assert all(a.page_from <= b.page_from and a.section <= b.section for a, b in pairwise(records))
