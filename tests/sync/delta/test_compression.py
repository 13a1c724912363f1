from __future__ import annotations

import random
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import PackError
from edge.sync.delta.compression import compress, expand

BASE = random.Random(1).randbytes(200_000)


@given(data=st.binary(max_size=2_000), base=st.binary(max_size=2_000))
def test_what_was_compressed_with_a_base_expands_with_it(data: bytes, base: bytes) -> None:
    assert expand(compress(data, base), len(data), base) == data


def test_what_is_shared_with_the_base_costs_next_to_nothing() -> None:
    moved = BASE[100_000:] + b"new" + BASE[:100_000]
    assert len(compress(moved, BASE)) < 100
    assert len(compress(moved)) > 200_000


def test_another_base_does_not_go_unnoticed() -> None:
    frame = compress(BASE[1:], BASE)
    with pytest.raises(PackError):
        expand(frame, len(BASE))


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(compress(bytes(10**7)), id="ten megabytes of nothing"),
        pytest.param(zstandard.ZstdCompressor(write_content_size=False).compress(b"edge"), id="no length"),
        pytest.param(compress(b"edge")[:-1], id="cut"),
        pytest.param(compress(b"edge") + b"-", id="something behind it"),
        pytest.param(compress(b"edge") * 2, id="two frames"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"edge" * 10, id="something else"),
    ],
)
def test_only_one_whole_frame_of_known_length_is_expanded(frame: bytes) -> None:
    with pytest.raises(PackError) as error:
        expand(frame, 1000)
    assert error.value.hint


@given(frame=st.binary(max_size=200), limit=st.integers(0, 2_000))
def test_nothing_longer_than_the_limit_comes_out(frame: bytes, limit: int) -> None:
    for tried in (frame, compress(BASE[:1_000])[:6] + frame):
        with suppress(PackError):
            assert len(expand(tried, limit)) <= limit
