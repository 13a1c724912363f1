"""Event streams out of bytes: however they are cut, the events are the same."""

from __future__ import annotations

from itertools import chain, pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.engine.remote.events import EventParser, EventTooLong

pieces = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data",
        b"data: \xc2\xb5",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b": hi",
        b"event: x",
        b"\xff",
    ]
)
streams = st.lists(pieces, max_size=20).map(b"".join) | st.binary(max_size=80)


def parsed(*blocks: bytes) -> list[str]:
    parser = EventParser()
    found = [data for block in blocks for data in parser.feed(block)]
    return [*found, *parser.end()]


@given(streams, st.lists(st.integers(0, 200), max_size=8))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [8, 9, 10])
@example(b"data: \xc2\xb5\n\n", [7])
def test_where_it_is_cut_makes_no_difference(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    blocks = [stream[a:b] for a, b in pairwise(places)]
    assert parsed(*blocks) == parsed(stream)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_events_are_those_of_the_specification(end: str) -> None:
    lines = [
        ": comment",
        "event: x",
        "id: 1",
        "data: one",
        "data:two",
        "data",
        "",
        "retry: 9",
        "",
        "data: last",
        "",
    ]
    assert parsed(end.join([*lines, ""]).encode()) == ["one\ntwo\n", "last"]


def test_the_last_event_need_not_be_ended() -> None:
    assert parsed(b"data: a\n\ndata: b") == parsed(b"data: a\n\ndata: b\r") == ["a", "b"]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parsed(b"\xef\xbb", b"\xbfdata: a\n\n") == ["a"]


def test_what_is_no_text_is_marked() -> None:
    assert parsed(b"data: \xff\n\n") == ["\ufffd"]


@pytest.mark.parametrize("block", [b"data: xxxxxxx\n", b"x", b": x"])
def test_an_event_without_end_is_given_up(block: bytes) -> None:
    parser = EventParser()
    with pytest.raises(EventTooLong):
        list(chain.from_iterable(map(parser.feed, repeat(block * 4096, 300))))
