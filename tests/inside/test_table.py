"""The table of contents of the one-file program: what was written is read, and no damage goes unnoticed."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inside import table
from edge.inside.table import FOOTER_SIZE, PAGE, Part, TableError

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=40)


@st.composite
def contents(draw: st.DrawFn) -> list[Part]:
    parts, offset = [], PAGE
    for name in draw(st.lists(NAMES, max_size=5)):
        size = draw(st.integers(0, 3 * PAGE))
        parts.append(Part(draw(st.sampled_from(["program", "model", "pack"])), name, offset, size, "ab" * 32))
        offset = table.next_page(offset + size)
    return parts


def program(parts: list[Part]) -> bytes:
    """A program in whose parts every byte is zero."""
    end = max((part.end for part in parts), default=0)
    return bytes(end) + table.encode(parts, end)


@given(contents())
def test_what_was_written_is_read(parts: list[Part]) -> None:
    assert table.read(BytesIO(program(parts))) == tuple(parts)


TWO = [Part("program", "edge", PAGE, 10, "0a" * 32), Part("model", "a b.gguf", 2 * PAGE, 7, "0b" * 32)]


@given(st.data())
def test_no_flipped_bit_goes_unnoticed(data: st.DataObject) -> None:
    whole = bytearray(program(TWO))
    at = data.draw(st.integers(TWO[-1].end, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert table.read(BytesIO(whole)) is None, "a damaged mark is as none"
        assert at >= len(whole) - FOOTER_SIZE
    except TableError:
        pass


@given(st.integers(1, len(program(TWO))))
def test_a_file_that_was_cut_short_has_no_table(cut: int) -> None:
    assert table.read(BytesIO(program(TWO)[:-cut])) is None


@given(st.binary(max_size=300))
def test_other_files_have_no_table(data: bytes) -> None:
    assert table.read(BytesIO(data)) is None


@pytest.mark.parametrize(
    "line",
    [
        "weights 65536 1 " + "0a" * 32 + " x",
        "model 1 1 " + "0a" * 32 + " x",
        "model 65536 9999999 " + "0a" * 32 + " x",
        "model 65536 -1 " + "0a" * 32 + " x",
        "model 65536 1 0a x",
        "model",
        "model 65536 one " + "0a" * 32 + " x",
    ],
    ids=["kind", "not on a page", "past the end", "negative", "digest", "cut", "no number"],
)
def test_a_table_that_makes_no_sense_is_refused(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, _, rest = f"{line} ? ? ? ?".partition(" ")
    offset, size, sha256, name = rest.split(" ", 3)
    written = Part(kind, name, offset, size, sha256)  # type: ignore[arg-type]
    data = bytes(2 * PAGE) + table.encode([written], 2 * PAGE)
    with pytest.raises(TableError, match="table of contents"):
        table.read(BytesIO(data))
