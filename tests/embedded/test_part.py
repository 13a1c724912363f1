"""Packs inside the one-file program are read, searched and verified where they are."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle
from edge.bundle.compose import add_part
from edge.config import Settings
from edge.embedded.part import EXECUTABLE, list_own_parts, locate, open_file, read_size, read_status
from edge.errors import NotFoundError, StorageError
from edge.packs import bundled
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from edge.packs.verify import verify
from tests.bundle.test_compose import flip
from tests.conftest import BuildPack
from tests.programs import make_small_program


@pytest.fixture
def program(tmp_path: Path, build_pack: BuildPack, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A program with the pumps inside, which is the one that runs."""
    bundle = make_small_program(tmp_path)
    monkeypatch.setenv(EXECUTABLE, str(bundle.path))
    return add_part(bundle, admit(build_pack()), bundle.path)


@pytest.fixture
def path(program: Bundle) -> Path:
    return program.path / "pumps.kpack"


@pytest.fixture
def store(tmp_path: Path, program: Bundle) -> PackStore:
    return PackStore(Settings(home=tmp_path / "home"))


def test_a_part_reads_like_a_file(program: Bundle, path: Path, tmp_path: Path) -> None:
    program.extract(program.get_part(path.name), tmp_path / "copy")
    data = (tmp_path / "copy").read_bytes()
    assert read_size(path) == read_size(tmp_path / "copy") == len(data)
    with open_file(path) as file:
        assert file.read() == data
        assert file.seek(-40, io.SEEK_END) == len(data) - 40
        assert file.read() == data[-40:]
        assert file.read(1) == b""
    assert read_status(path).st_mtime == program.path.stat().st_mtime


def test_other_paths_are_no_parts(program: Bundle, tmp_path: Path) -> None:
    assert locate(program.path) is None
    assert locate(tmp_path / "nothing") is None
    with pytest.raises(FileNotFoundError):
        locate(program.path / "other.kpack")


def test_a_pack_inside_answers_as_one_of_its_own_does(path: Path, pumps: Pack) -> None:
    verify(path)
    sql = "SELECT rowid, heading FROM keyword WHERE keyword MATCH 'vent' ORDER BY rowid"
    with Pack.open(path) as pack:
        assert pack.query(sql) == pumps.query(sql) != []
        assert pack.read_original("px-200.md") == pumps.read_original("px-200.md")


def test_a_pack_inside_is_in_use_until_one_of_its_name_is_installed(
    store: PackStore, path: Path, build_pack: BuildPack
) -> None:
    assert list(store.list_in_use()) == [(path, False)]
    assert [(pack.name, pack.version, pack.path) for pack in store.list()] == [("pumps", "1.0", path)]
    newer = store.install(build_pack(version="2.0"), allow_unsigned=True).pack
    assert list(store.list_in_use()) == [(newer.path, False)]
    assert [pack.version for pack in store.list()] == ["2.0"]
    store.remove("pumps")
    assert [pack.version for pack in store.list()] == ["1.0"]


def test_a_pack_inside_cannot_be_removed_from_the_store(store: PackStore) -> None:
    with pytest.raises(NotFoundError, match="is inside the program"):
        store.remove("pumps")


def test_a_damaged_pack_inside_is_a_problem_of_that_pack(program: Bundle, store: PackStore) -> None:
    part = program.get_part("pumps.kpack")
    flip(program.path, part.end - 45)  # the mark of its trailer
    assert store.list() == ()
    assert [problem.name for problem in store.find_problems()] == ["pumps"]


def test_a_damaged_text_inside_a_pack_is_found_before_it_is_searched(
    program: Bundle, store: PackStore, path: Path
) -> None:
    flip(program.path, program.path.read_bytes().index(b"25 Nm"))
    assert store.list() == ()
    (problem,) = store.find_problems()
    assert problem.error.message == "pumps.kpack inside edge is damaged."
    assert list(store.list_in_use()) == []


def test_a_pack_inside_is_read_as_a_whole_only_once_a_copy(
    program: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")
    assert len(PackStore(settings).list()) == 1
    monkeypatch.setattr(bundled, "check_digest", None)
    assert len(PackStore(settings).list()) == 1
    os.utime(program.path)
    with pytest.raises(TypeError):
        PackStore(settings).list()


def test_where_nothing_can_be_remembered_it_works_all_the_same(program: Bundle, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert len(PackStore(Settings(home=tmp_path / "home")).list()) == 1


def test_of_a_damaged_program_nothing_is_used(program: Bundle, store: PackStore, path: Path) -> None:
    flip(program.path, program.path.stat().st_size - 64 - 3)
    with pytest.raises(StorageError, match="edge is damaged: the table of contents"):
        list_own_parts("pack")
    with pytest.raises(StorageError, match="edge is damaged"):
        store.list()
    with pytest.raises(StorageError, match="damaged"):
        Pack.open(path)
