"""Frames are JSON objects and nothing else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.process.frames import FrameError, decode, encode


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_a_frame_survives_the_pipe_as_one_line(frame: dict[str, object]) -> None:
    line = encode(frame)
    assert line.count(b"\n") == 1
    assert decode(line) == frame


@given(st.binary())
def test_anything_else_is_refused(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode(data), dict)


@pytest.mark.parametrize("line", [b"", b"[]", b"1", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(FrameError):
        decode(line)
