"""Passages are one line of neighbours from one section, short, and span at most two pages."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.ingest.document import Block, SourceDocument
from edge.packs.pack import Pack
from edge.packs.record import Page
from edge.retrieval.passages import MAX_PAGES, MAX_WORDS, complete, make_passages
from edge.retrieval.vector import Closeness
from edge.types import Box
from tests.conftest import OpenPack

PAGES = 12


def paragraph(page: int, words: int = 90) -> Block:
    text = " ".join(f"w{page}x{n}" for n in range(words - 4))
    return Block("paragraph", f"Page {page} says {text} finally.", page, (Box(page, 0.1, 0.2, 0.9, 0.3),))


def book(name: str, data: bytes) -> SourceDocument:
    """Chapter one on pages 1 to 8, a paragraph a page; chapter two on pages 9 to 12, four short paragraphs a page."""
    first = [paragraph(page) for page in range(1, 9)]
    first[1] = replace(first[1], is_doubtful=True)
    second = [paragraph(page, 40) for page in range(9, PAGES + 1) for _ in range(2)]
    one, two = Block("heading", "One", 1, level=1), Block("heading", "Two", 9, level=1)
    pages = tuple(Page(n, label="iv" if n == 4 else None, width=595, height=842) for n in range(1, PAGES + 1))
    return SourceDocument("Book", pages, (one, *first, two, *second))


@pytest.fixture(scope="module")
def pack(open_pack: OpenPack) -> Pack:
    return open_pack({"book.md": "read by the function above", "next.md": "the same"}, read=book)


def on_page(pack: Pack, page: int) -> int:
    """Return the first chunk of the first document that begins on a page."""
    return next(c.id for c in pack.get_chunks(range(1, pack.chunk_count + 1)) if c.page_from == page)


def test_a_chunk_is_shown_with_what_follows_it(pack: Pack) -> None:
    found = on_page(pack, 4)
    (passage,) = make_passages(pack, {found: 0.8}, 5)
    assert passage.chunks == (found, found + 1)
    assert passage.text == "\n".join(chunk.text for chunk in pack.get_chunks(passage.chunks))
    assert (passage.page_from, passage.page_to) == (4, 5)


def test_a_passage_with_a_value_that_was_hard_to_read_is_marked(pack: Pack) -> None:
    passages = make_passages(pack, {on_page(pack, 2): 0.8, on_page(pack, 9): 0.7}, 5)
    assert [complete(pack, passage, {}).is_doubtful for passage in passages] == [True, False]


def test_what_is_shown_gets_its_page_label_and_boxes(pack: Pack) -> None:
    (passage,) = make_passages(pack, {on_page(pack, 4): 0.8}, 5)
    shown = complete(pack, passage, {})
    assert shown.page_label == "iv"
    assert [box.page for box in shown.boxes] == [4, 5]
    assert replace(shown, page_label=None, boxes=()) == passage


def test_what_is_shown_tells_how_close_its_sentences_are(pack: Pack) -> None:
    (passage,) = make_passages(pack, {on_page(pack, 4): 0.8}, 5)
    first, second = passage.chunks
    shown = complete(pack, passage, {first: Closeness(0.3, (0.25,)), second: Closeness(0.5, (0.75,))})
    assert shown.closeness == {pack.get_chunk(first).text: 0.25, pack.get_chunk(second).text: 0.75}


def test_it_says_where_it_comes_from(pack: Pack) -> None:
    (passage,) = make_passages(pack, {on_page(pack, 9): 0.81239}, 1)
    assert (passage.pack, passage.version, passage.document, passage.title) == (
        "pumps",
        "1.0",
        "book.md",
        "Book",
    )
    assert (passage.heading, passage.kind, passage.signed, passage.score) == ("Two", "text", False, 0.8124)
    assert passage.page_label is None


def test_the_last_chunk_of_a_section_is_shown_with_what_precedes_it(pack: Pack) -> None:
    last = on_page(pack, 9) - 1
    (passage,) = make_passages(pack, {last: 1.0}, 5)
    assert passage.chunks == (last - 1, last)
    assert passage.heading == "One"


def test_a_passage_never_crosses_into_the_next_document(pack: Pack) -> None:
    first, second = pack.list_documents()
    (passage,) = make_passages(pack, {first.last_chunk: 1.0}, 5)
    assert max(passage.chunks) == first.last_chunk
    (passage,) = make_passages(pack, {second.first_chunk: 1.0}, 5)
    assert min(passage.chunks) == second.first_chunk


def test_a_chunk_already_shown_makes_no_passage_of_its_own(pack: Pack) -> None:
    found = on_page(pack, 4)
    assert len(make_passages(pack, {found: 1.0, found + 1: 0.9}, 5)) == 1


def test_the_best_come_first_and_no_more_than_asked(pack: Pack) -> None:
    scores = {on_page(pack, 7): 1.0, on_page(pack, 1): 0.9, on_page(pack, 9): 0.8}
    assert [passage.page_from for passage in make_passages(pack, scores, 2)] == [7, 1]
    assert make_passages(pack, {}, 5) == []


def test_a_table_header_that_every_chunk_repeats_is_shown_once(open_pack: OpenPack) -> None:
    rows = "\n".join(f"| E-1-2-3-4-{n} | hot-and-red-and-{n} |" for n in range(30))
    pack = open_pack({"faults.md": f"# Faults\n\n| Code | Meaning |\n|---|---|\n{rows}\n"})
    assert all(chunk.text.startswith("| Code | Meaning\n") for chunk in pack.get_chunks([1, 2]))
    (passage, *_) = make_passages(pack, {1: 1.0}, 5)
    assert len(passage.chunks) > 1
    assert passage.text.count("Code | Meaning") == 1
    assert passage.text.count("\nE-") == sum(c.text.count("\nE-") for c in pack.get_chunks(passage.chunks))


def test_a_chunk_that_is_not_there_is_an_error_of_the_pack(pack: Pack) -> None:
    with pytest.raises(EdgeError):
        make_passages(pack, {9999: 1.0}, 5)


@given(st.data())
def test_passages_are_runs_of_neighbours_in_one_section_short_and_never_overlap(
    pack: Pack, data: st.DataObject
) -> None:
    ids = data.draw(st.lists(st.integers(1, pack.chunk_count), unique=True))
    passages = make_passages(pack, dict.fromkeys(ids, 0.5), 100)
    shown = [chunk for passage in passages for chunk in passage.chunks]
    assert len(shown) == len(set(shown))
    assert set(ids) <= set(shown)
    for passage in passages:
        parts = pack.get_chunks(passage.chunks)
        assert all(b == a + 1 for a, b in pairwise(passage.chunks))
        assert len({(part.document, part.section) for part in parts}) == 1
        assert 0 <= passage.page_to - passage.page_from < MAX_PAGES
        assert len(passage.text.split()) <= MAX_WORDS
