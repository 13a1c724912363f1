"""The table of contents of the one-file program: what was written is read, and no damage goes unnoticed."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.embedded import table
from edge.embedded.table import FOOTER_SIZE, PAGE, Part, TableError

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(table.is_name)


FRONT = [Part("program", "edge", PAGE, 10, "0a" * 32), Part("launcher", "launcher", 0, 7, "0c" * 32)]


@st.composite
def contents(draw: st.DrawFn) -> list[Part]:
    parts, offset = [*FRONT], 2 * PAGE
    for name in draw(st.lists(NAMES, max_size=5, unique=True)):
        size = draw(st.integers(0, 3 * PAGE))
        parts.append(Part(draw(st.sampled_from(["model", "pack"])), name, offset, size, "ab" * 32))
        offset = table.round_to_page(offset + size)
    return parts


def program(parts: list[Part]) -> bytes:
    """Return a program in whose parts every byte is zero."""
    end = max(part.end for part in parts)
    return bytes(end) + table.encode(parts, end, b"")


@given(contents())
def test_what_was_written_is_read(parts: list[Part]) -> None:
    assert table.read(BytesIO(program(parts))) == tuple(parts)


TWO = [*FRONT, Part("model", "a b.gguf", 2 * PAGE, 7, "0b" * 32)]


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


OK = "0a" * 32


@pytest.mark.parametrize(
    "line",
    [
        f"weights 131072 1 {OK} x",
        f"model 131073 1 {OK} x",
        f"model 131072 9999999 {OK} x",
        f"model 131072 -1 {OK} x",
        "model 131072 1 0a x",
        "model",
        f"model 131072 one {OK} x",
        f"model 65536 1 {OK} x",
        f"model 0 1 {OK} x",
        f"program 131072 1 {OK} x",
        f"launcher 131072 1 {OK} x",
        f"pack 131072 1 {OK} ../x",
        f"pack 131072 1 {OK} ..",
        f"pack 131072 1 {OK} a\u2028b",
        f"model 131072 1 {OK} x\nmodel 131072 1 {OK} y",
        f"model 131072 1 {OK} x\nmodel 196608 1 {OK} x",
    ],
    ids=[
        "kind", "not on a page", "past the end", "negative", "digest", "cut", "no number", "over the program",
        "over the launcher", "two programs", "two launchers", "a path", "a folder", "two lines", "over each other",
        "one name twice",
    ],
)  # fmt: skip
def test_a_table_that_makes_no_sense_is_refused(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TableError, match="table of contents"):
        table.read(BytesIO(written(FRONT, line)))
    assert table.read(BytesIO(written(FRONT, f"model 131072 1 {OK} x"))) is not None


@pytest.mark.parametrize("parts", [[], FRONT[:1], FRONT[1:], FRONT[::-1]], ids=len)
def test_program_and_launcher_come_first(parts: list[Part]) -> None:
    with pytest.raises(TableError, match="table of contents"):
        table.read(BytesIO(written(parts, f"model 131072 1 {OK} x")))


def written(parts: list[Part], more: str) -> bytes:
    """Return a program whose table has further lines, whatever they say, with the right checksums."""
    end = 4 * PAGE
    *_, offset, size, _, _ = table._FOOTER.unpack(table.encode(parts, end, b"")[-64:-4])
    assert offset == end
    text = table.encode(parts, end, b"")[:size] + more.encode() + b"\n"
    footer = table._FOOTER.pack(table._MAGIC, table._VERSION, zlib.crc32(text), end, len(text), 0, 0)
    return bytes(end) + text + footer + zlib.crc32(footer).to_bytes(4, "little")
