"""A state comes back as it was written, or not at all."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.prefill.state_file import BadFile, Header, copy_state, read_header, write

KEY = b"k" * 32
TOKENS = st.lists(st.integers(0, 255), min_size=1, max_size=40).map(lambda values: bytes(values) * 4)
STATES = st.binary(min_size=1, max_size=300)


def written(tokens: bytes, state: bytes) -> bytes:
    file = BytesIO()
    write(file, Header(KEY, tokens, len(state), hashlib.sha256(state).digest()), memoryview(state))
    return file.getvalue()


def read(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Key, tokens and state. Raises BadFile."""
    file = BytesIO(data)
    header = read_header(file, len(data))
    assert header.total == len(data)
    state = bytearray(header.size + 10)
    copy_state(file, header, memoryview(state))
    return header.key, header.tokens, bytes(state[: header.size])


@given(TOKENS, STATES)
def test_what_is_written_is_read(tokens: bytes, state: bytes) -> None:
    assert read(written(tokens, state)) == (KEY, tokens, state)


@given(TOKENS, STATES, st.data())
def test_every_flipped_bit_is_noticed(tokens: bytes, state: bytes, data: st.DataObject) -> None:
    file = bytearray(written(tokens, state))
    bit = data.draw(st.integers(0, 8 * len(file) - 1))
    file[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadFile):
        read(bytes(file))


@given(TOKENS, STATES, st.data())
def test_what_is_cut_or_too_long_is_noticed(tokens: bytes, state: bytes, data: st.DataObject) -> None:
    file = written(tokens, state)
    end = data.draw(st.integers(0, len(file) - 1))
    for wrong in (file[:end], file + file[end:]):
        with pytest.raises(BadFile):
            read(wrong)


@given(st.binary(max_size=400))
def test_anything_else_is_foreign(data: bytes) -> None:
    with pytest.raises(BadFile):
        read(data)
