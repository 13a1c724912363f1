from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.database import open_writable
from edge.errors import EdgeError, NotFoundError, PackError
from edge.packs.format import TRAILER_BYTES, seal
from edge.packs.verify import verify

MakePack = Callable[..., Path]

# One pack serves all examples: it is never changed, only copies of it are.
SHARED: Any = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def sound(make_pack: MakePack) -> Path:
    return make_pack()


def refused(path: Path, data: bytes) -> PackError:
    path.write_bytes(data)
    with pytest.raises(PackError) as error:
        verify(path)
    assert error.value.hint
    return error.value


def test_a_sound_pack_passes_with_the_digests_to_sign(sound: Path) -> None:
    digests = verify(sound)
    data = sound.read_bytes()
    assert digests.file == hashlib.sha256(data).hexdigest()
    assert digests.database == hashlib.sha256(data[:-TRAILER_BYTES]).hexdigest() == data[-32:].hex()


@settings(max_examples=300, **SHARED)
@given(st.data())
def test_a_flipped_bit_anywhere_is_found(sound: Path, data: st.DataObject) -> None:
    damaged = bytearray(sound.read_bytes())
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    refused(sound.with_name("flipped.kpack"), bytes(damaged))


def test_a_flipped_bit_in_each_byte_of_the_trailer_is_found(sound: Path) -> None:
    whole = sound.read_bytes()
    for at in range(len(whole) - TRAILER_BYTES, len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        refused(sound.with_name("flipped.kpack"), bytes(damaged))


@settings(max_examples=200, **SHARED)
@given(st.data())
def test_a_cut_at_any_length_is_found(sound: Path, data: st.DataObject) -> None:
    whole = sound.read_bytes()
    refused(sound.with_name("cut.kpack"), whole[: data.draw(st.integers(0, len(whole) - 1))])


@settings(max_examples=50, **SHARED)
@given(st.binary(min_size=1, max_size=200))
def test_anything_appended_is_found(sound: Path, junk: bytes) -> None:
    refused(sound.with_name("longer.kpack"), sound.read_bytes() + junk)


@settings(max_examples=100, **SHARED)
@given(st.binary(max_size=500))
def test_what_is_no_pack_is_refused(sound: Path, data: bytes) -> None:
    refused(sound.with_name("none.kpack"), data)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="not a file"):
        verify(tmp_path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        verify(tmp_path / "none.kpack")


@settings(max_examples=200, **SHARED)
@given(st.data())
def test_damage_under_a_valid_seal_is_refused_or_harmless(sound: Path, data: st.DataObject) -> None:
    """As somebody could make who wants to crash a reader: an error of ours or a pack that reads, nothing else."""
    database = bytearray(sound.read_bytes()[:-TRAILER_BYTES])
    for _ in range(data.draw(st.integers(1, 20))):
        database[data.draw(st.integers(0, len(database) - 1))] = data.draw(st.integers(0, 255))
    forged = sound.with_name("forged.kpack")
    forged.write_bytes(database)
    seal(forged)
    with suppress(EdgeError):
        verify(forged)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("DELETE FROM chunk WHERE id = 2", "4 chunks, 5 in its keyword index"),
        ("UPDATE chunk SET id = 9 WHERE id = 5", "chunks"),
        ("DELETE FROM vector WHERE rowid = 1", "4 vectors"),
        ("UPDATE original SET data = x'00' WHERE document = 2", "original of valves.md"),
        ("DELETE FROM original", "original"),
        ("UPDATE document SET first_chunk = 5 WHERE id = 2", "chunks of valves.md"),
        ("UPDATE document SET applies_to = '{' WHERE id = 2", "not well formed"),
        ("UPDATE meta SET value = '{}' WHERE key = 'manifest'", "name is missing"),
        ("DELETE FROM document WHERE id = 2", "chunks of no document"),
        ("UPDATE embedding SET vectors = x'00' WHERE chunk = 3", "vectors of another length"),
        ("UPDATE stem SET vector = x'' WHERE vector IS NOT NULL", "vectors of another length"),
        ("UPDATE cell SET mean = x'00000000'", "vectors of another length"),
        ("UPDATE chunk SET page_to = 9223372036854775807 WHERE id = 1", "its pages cannot be right"),
        ("UPDATE chunk SET page_to = 900000 WHERE id = 1", "a page that its document lacks"),
        ("UPDATE chunk SET page_from = 'one' WHERE id = 1", "its pages cannot be right"),
        ("UPDATE chunk SET kind = 'song' WHERE id = 1", "its kind cannot be right"),
        ("UPDATE chunk SET text = x'00ff' WHERE id = 1", "its text cannot be right"),
        ("UPDATE chunk SET text = CAST(x'ff' AS TEXT) WHERE id = 1", "damaged"),
        ("UPDATE chunk SET boxes = '[[1, 2]]' WHERE id = 1", "its box cannot be right"),
        ("UPDATE chunk SET boxes = '[[1, 0.1, 0.2, 1e400, 0.3]]' WHERE id = 1", "its box cannot be right"),
        ("UPDATE document SET title = x'00' WHERE id = 1", "its title cannot be right"),
        ("UPDATE document SET name = name || char(10) || 'x' WHERE id = 1", "its name cannot be right"),
        ("UPDATE document SET name = char(8238) || name WHERE id = 1", "its name cannot be right"),
        ("UPDATE document SET media_type = 'text/plain' || char(13, 10) || 'X: 1'", "its media type"),
        ("UPDATE document SET pages = 2000000000 WHERE id = 1", "number of pages"),
        ("UPDATE document SET applies_to = '[1]' WHERE id = 1", "its equipment cannot be right"),
        ("UPDATE page SET width = 'wide' WHERE number = 1", "its size cannot be right"),
        ("UPDATE page SET label = x'00' WHERE number = 1", "its label cannot be right"),
        ("DELETE FROM page WHERE number = 2", "not counted from 1"),
        ("UPDATE word SET chunks = 'many'", "words that cannot be right"),
        ("UPDATE stem SET chunks = -1", "words that cannot be right"),
        ("UPDATE stem SET word = x'00'", "words that cannot be right"),
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(make_pack: MakePack, sql: str, told: str) -> None:
    """Sealed anew after the change, as a faulty builder would."""
    path = make_pack()
    path.write_bytes(path.read_bytes()[:-TRAILER_BYTES])
    with closing(open_writable(path)) as connection:
        connection.execute(sql)
    seal(path)
    with pytest.raises(PackError, match=told):
        verify(path)
