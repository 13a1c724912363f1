from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.database import open_writable
from edge.errors import NotFoundError, PackError, UsageError
from edge.packs.format import TRAILER_BYTES, seal
from edge.packs.verify import verify
from edge.sync.delta import apply, make
from edge.sync.delta.format import Bytes, ChangedDocument, Documents, KeptDocuments, open_delta
from tests.conftest import ISOLATION, PUMPS, PUMPS_FOR, PX_300, BuildPack
from tests.sync.delta.conftest import LATER

TABLE = "name,weight\nPX-200,31 kg\nPX-300,44 kg\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"version": "1.1"}, id="only the version"),
        pytest.param({}, {"documents": LATER}, id="new, edited and gone"),
        pytest.param({}, {"documents": {**PUMPS, "renamed.md": ISOLATION}}, id="the same under another name"),
        pytest.param({}, {"documents": {"other.csv": TABLE}}, id="nothing in common"),
        pytest.param({}, {"toml": PUMPS_FOR}, id="other equipment"),
        pytest.param({"documents": {"Prüfung № 1.md": ISOLATION}}, {}, id="names beyond ASCII"),
        pytest.param({"embedder": None}, {"embedder": None, "documents": LATER}, id="without vectors"),
        pytest.param({"embedder": None}, {}, id="vectors for the first time"),
        pytest.param({}, {"embedder": None}, id="vectors no more"),
        pytest.param({"name": "valves"}, {}, id="another pack altogether"),
    ],
)
def test_what_a_delta_makes_is_the_new_file_byte_for_byte(
    build_pack: BuildPack, tmp_path: Path, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    old, new = build_pack(**before), build_pack(**after)
    delta, made = tmp_path / "delta", tmp_path / "made.kpack"
    size = make(old, new, delta)
    with open_delta(delta, new.stat().st_size) as reader:
        assert isinstance(reader.index.content, Documents)
    apply(old, delta, made, new.stat().st_size)
    assert made.read_bytes() == new.read_bytes()
    assert size == delta.stat().st_size
    assert verify(made).file == reader.index.new


def test_documents_that_are_the_same_do_not_travel(build_pack: BuildPack, old: Path, tmp_path: Path) -> None:
    assert make(old, build_pack(version="1.1"), tmp_path / "delta") < 600
    with open_delta(tmp_path / "delta", 10**6) as reader:
        assert reader.index.content.documents == (KeptDocuments(1, 3),)  # type: ignore[union-attr]


def test_of_an_edited_document_only_the_changes_travel(old: Path, new: Path, tmp_path: Path) -> None:
    make(old, new, tmp_path / "delta")
    with open_delta(tmp_path / "delta", 10**6) as reader:
        added, same, edited = reader.index.content.documents  # type: ignore[union-attr]
    assert same == KeptDocuments(1, 1)
    assert isinstance(edited, ChangedDocument)
    assert edited.base == 2
    for part in (edited.description, edited.vectors, edited.original):
        assert part.length < part.size / 3
    assert isinstance(added, ChangedDocument)


def test_the_base_of_a_new_document_is_a_likely_one(build_pack: BuildPack, old: Path, tmp_path: Path) -> None:
    """That of the same bytes, else the neighbour by name; ``PUMPS`` are isolation, px-200 and px-300."""
    renamed = build_pack({"guide.md": ISOLATION, "px-290.md": PX_300.replace("PX-300", "PX-290")})
    make(old, renamed, tmp_path / "delta")
    with open_delta(tmp_path / "delta", 10**6) as reader:
        guide, px_290 = reader.index.content.documents  # type: ignore[union-attr]
    assert (guide.base, px_290.base) == (1, 3)


def test_a_pack_that_this_edge_would_write_otherwise_travels_as_its_bytes(
    old: Path, new: Path, tmp_path: Path
) -> None:
    foreign, delta, made = tmp_path / "foreign.kpack", tmp_path / "delta", tmp_path / "made.kpack"
    shutil.copy(new, foreign)
    with foreign.open("r+b") as file:
        file.truncate(foreign.stat().st_size - TRAILER_BYTES)
    connection = open_writable(foreign)
    connection.execute("VACUUM")
    connection.close()
    seal(foreign)
    make(old, foreign, delta)
    with open_delta(delta, 10**6) as reader:
        assert isinstance(reader.index.content, Bytes)
    apply(old, delta, made, foreign.stat().st_size)
    assert made.read_bytes() == foreign.read_bytes()


def test_no_delta_starts_from_a_pack_of_another_format(old: Path, new: Path, tmp_path: Path) -> None:
    data = bytearray(old.read_bytes())
    data[-TRAILER_BYTES + 7] = 1
    (tmp_path / "format-1.kpack").write_bytes(data)
    with pytest.raises(UsageError, match="No delta can start from format-1") as error:
        make(tmp_path / "format-1.kpack", new, tmp_path / "delta")
    assert error.value.hint
    assert not (tmp_path / "delta").exists()


def test_a_damaged_pack_gets_no_delta(old: Path, new: Path, tmp_path: Path) -> None:
    data = bytearray(new.read_bytes())
    data[1000] ^= 1
    (tmp_path / "damaged.kpack").write_bytes(data)
    with pytest.raises(PackError, match="damaged"):
        make(old, tmp_path / "damaged.kpack", tmp_path / "delta")
    with pytest.raises(NotFoundError):
        make(old, tmp_path / "missing.kpack", tmp_path / "delta")


def test_nothing_but_the_delta_is_left(old: Path, new: Path, tmp_path: Path) -> None:
    make(old, new, tmp_path / "delta")
    assert [path.name for path in tmp_path.iterdir()] == ["delta"]


def test_the_same_packs_give_the_same_delta(old: Path, new: Path, tmp_path: Path) -> None:
    make(old, new, tmp_path / "one")
    make(old, new, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
