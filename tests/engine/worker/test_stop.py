"""Stop texts and half characters, wherever the tokens part them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.worker.stop import TextStream

words = st.text("abµ✓", max_size=12)


def shown(pieces: list[bytes], *stops: str) -> tuple[list[str], bool]:
    stream = TextStream(stops)
    texts = [stream.feed(piece) for piece in pieces]
    return [text for text in [*texts, stream.end()] if text], stream.stopped


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


@given(words, st.lists(st.integers(0, 40)), st.lists(st.text("abµ✓", min_size=1, max_size=4), max_size=3))
def test_the_text_ends_where_the_first_stop_text_to_be_complete_begins(
    text: str, places: list[int], stops: list[str]
) -> None:
    pieces = cut(text.encode(), places)
    so_far = [b"".join(pieces[:count]).decode(errors="ignore") for count in range(len(pieces) + 1)]
    ended = next((seen for seen in so_far if any(stop in seen for stop in stops)), None)
    expected = text if ended is None else ended[: min(ended.find(stop) for stop in stops if stop in ended)]
    shown_pieces, stopped = shown(pieces, *stops)
    assert "".join(shown_pieces) == expected
    assert stopped == (ended is not None)


@given(words, st.lists(st.integers(0, 40)))
def test_without_stop_texts_all_of_it_comes(text: str, places: list[int]) -> None:
    assert "".join(shown(cut(text.encode(), places))[0]) == text


def test_what_may_become_a_stop_text_is_held_back_no_longer_than_it_may() -> None:
    stream = TextStream(["END"])
    assert [stream.feed(piece) for piece in (b"the E", b"N", b"E", b"ND", b"more")] == [
        "the ",
        "",
        "EN",
        "",
        "",
    ]
    assert stream.stopped
    assert stream.end() == ""


def test_what_was_held_back_comes_at_the_end() -> None:
    assert shown([b"the E", b"N"], "END") == (["the ", "EN"], False)


def test_half_characters_are_dropped_at_the_end() -> None:
    assert shown(["µ".encode()[:1]]) == ([], False)
