from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import PackError, StorageError
from edge.sync.delta.compression import compress
from edge.sync.delta.format import MAGIC, MAX_INDEX_BYTES, Bytes, Index, Reader, Writer, open_delta

SHA = "0123456789abcdef" * 4


def write(data: bytes, base: bytes = b"") -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    writer.finish(Index(SHA, SHA, len(data), Bytes(writer.add(data, base))))
    return file.getvalue()


def test_parts_are_read_as_they_were_added() -> None:
    reader = Reader(io.BytesIO(write(b"the new file", b"the old file")), 12)
    (part,) = reader.list_parts()
    assert reader.index == Index(SHA, SHA, 12, Bytes(part))
    assert reader.read(part, b"the old file") == b"the new file"


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    data = write(b"the new file")
    for length in range(len(data)):
        with pytest.raises(PackError) as error:
            Reader(io.BytesIO(data[:length]), 100)
        assert error.value.hint


@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    for tried in (
        data,
        data + len(data).to_bytes(8, "big") + MAGIC,
        data + (2**63).to_bytes(8, "big") + MAGIC,
    ):
        with pytest.raises(PackError):
            Reader(io.BytesIO(tried), 100)


def test_the_new_file_and_the_parts_together_are_held_to_the_limit() -> None:
    data = write(random.Random(1).randbytes(1_000))
    assert Reader(io.BytesIO(data), 1_000).index.size == 1_000
    with pytest.raises(PackError, match="more than 999 bytes"):
        Reader(io.BytesIO(data), 999)


def test_an_index_is_not_expanded_beyond_its_bound() -> None:
    frame = compress(b" " * (MAX_INDEX_BYTES + 1))
    with pytest.raises(PackError, match=f"more than {MAX_INDEX_BYTES} bytes"):
        Reader(io.BytesIO(frame + len(frame).to_bytes(8, "big") + MAGIC), 100)


def test_an_index_says_what_is_wrong_with_it() -> None:
    frame = compress(b'{"old": 1}')
    with pytest.raises(PackError, match="The delta's index is wrong: old: "):
        Reader(io.BytesIO(frame + len(frame).to_bytes(8, "big") + MAGIC), 100)


def test_a_file_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError), open_delta(tmp_path, 100):
        pass
