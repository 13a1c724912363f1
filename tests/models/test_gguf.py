"""The header reader believes nothing."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EdgeError, ModelError, NotFoundError
from edge.models.gguf import read_header, read_name


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def header(version: int = 3, tensors: int = 0, entries: bytes = b"", count: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + entries


def test_a_real_header_is_read(model: Path, embedder_path: Path) -> None:
    read = read_header(model)
    assert (read.architecture, read.tensors) == ("llama", 12)
    assert read.metadata["llama.context_length"] == 512
    assert read_name(model) == "chain"
    assert read_header(embedder_path).architecture == "bert"


def test_the_files_name_stands_in_for_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "nameless.gguf"
    path.write_bytes(header())
    assert read_name(path) == "nameless"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"GGU", "not a GGUF"),
        (b"PK\x03\x04rest", "not a GGUF"),
        (b"GGUF", "ends early"),
        (header(version=1), "version 1"),
        (header(version=0x03000000), "version 50331648"),  # big-endian
        (header(tensors=2**40), "too many"),
        (header(count=1, entries=string("key")), "ends early"),
        (header(count=1, entries=struct.pack("<Q", 2**63)), "ends early"),
        (header(count=1, entries=string("key") + struct.pack("<I", 99)), "unknown type 99"),
        (header(count=1, entries=string("key") + struct.pack("<IIQ", 9, 8, 2**40)), "outside"),
        (header(count=1, entries=string("key") + struct.pack("<IIQ", 9, 9, 1)), "array of type 9"),
        (header(tensors=1, entries=string("t") + struct.pack("<I", 5)), "5 dimensions"),
        (header(tensors=1, entries=string("t") + struct.pack("<IQIQ", 1, 32, 999, 0)), "not known"),
        (header(tensors=1, entries=string("t") + struct.pack("<IQIQ", 1, 2**60, 0, 0)), "cut short"),
        (header(count=1, entries=string("general.alignment") + struct.pack("<II", 4, 24)), "alignment"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_header(path)
    assert caught.value.hint


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, model: Path) -> None:
    whole = model.read_bytes()
    path = tmp_path / "cut.gguf"
    for length in [*random.Random(1).sample(range(len(whole) - 32), 60), len(whole) - 33]:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_header(path)


@given(flips=st.lists(st.tuples(st.integers(4, 3000), st.integers(0, 255)), min_size=1, max_size=4))
def test_flipped_bytes_are_read_or_refused(model: Path, flips: list[tuple[int, int]]) -> None:
    data = bytearray(model.read_bytes())
    for position, value in flips:
        data[position] = value
    path = model.with_name("flipped.bin")
    path.write_bytes(data)
    with contextlib.suppress(ModelError):
        assert read_header(path).tensors >= 0


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="folder"):
        read_header(tmp_path)
    with pytest.raises(NotFoundError):
        read_header(tmp_path / "missing.gguf")
    with pytest.raises(EdgeError):
        read_header(Path("/dev/null/model.gguf"))
