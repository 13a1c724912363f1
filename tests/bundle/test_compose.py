from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle, open_bundle
from edge.bundle.compose import Source, with_part, without_part
from edge.errors import NotFoundError, PackError, StorageError, UsageError
from edge.inside.table import PAGE
from tests.conftest import BuildPack


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "little model.gguf"
    path.write_bytes(b"GGUF" + bytes(range(256)) * 999)
    return path


def test_parts_begin_at_pages_and_are_what_was_put_in(program: Bundle, model: Path, tmp_path: Path) -> None:
    bundle = with_part(program, admit(model), tmp_path / "larger")
    assert bundle == open_bundle(tmp_path / "larger")
    assert [(part.kind, part.name) for part in bundle.parts] == [("program", "edge"), ("model", model.name)]
    assert all(part.offset % PAGE == 0 for part in bundle.parts)
    part = bundle.part(model.name)
    assert bundle.path.read_bytes()[part.offset : part.end] == model.read_bytes()
    assert all(map(bundle.is_sound, bundle.parts))
    assert os.access(bundle.path, os.X_OK)


def test_a_part_put_in_and_taken_out_leaves_the_same_bytes(program: Bundle, model: Path) -> None:
    before = program.path.read_bytes()
    larger = with_part(program, admit(model), program.path)
    assert program.path.read_bytes() != before
    without_part(larger, larger.part(model.name), program.path)
    assert program.path.read_bytes() == before


def test_one_of_the_same_name_takes_its_place(program: Bundle, model: Path) -> None:
    bundle = with_part(program, admit(model), program.path)
    model.write_bytes(b"GGUF and nothing else")
    bundle = with_part(bundle, admit(model), program.path)
    assert [part.size for part in bundle.added] == [model.stat().st_size]


def test_a_pack_is_named_as_it_calls_itself(build_pack: BuildPack, program: Bundle, tmp_path: Path) -> None:
    renamed = build_pack().rename(tmp_path / "copy (1).kpack")
    bundle = with_part(program, admit(renamed), program.path)
    assert [(part.kind, part.name) for part in bundle.added] == [("pack", "pumps.kpack")]


def test_what_is_neither_model_nor_pack_stays_out(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("notes")
    with pytest.raises(UsageError, match="neither a model nor a pack"):
        admit(other)
    with pytest.raises(PackError):
        admit(other.rename(tmp_path / "notes.kpack"))
    with pytest.raises(NotFoundError):
        admit(tmp_path / "nothing")


def test_a_damaged_part_is_not_copied_on(program: Bundle, model: Path, tmp_path: Path) -> None:
    flip(program.path, program.parts[0].offset + 5)
    with pytest.raises(StorageError, match="program edge"):
        with_part(program, admit(model), tmp_path / "larger")
    assert not (tmp_path / "larger").exists()


def test_a_full_disk_leaves_the_old_program(
    program: Bundle, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, there = program.path.read_bytes(), sorted(tmp_path.iterdir())

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(StorageError, match="full"):
        with_part(program, admit(model), program.path)
    assert program.path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == there


def test_a_source_that_shrinks_is_told(program: Bundle, model: Path) -> None:
    source = Source("model", "m.gguf", model, 0, model.stat().st_size + 1)
    with pytest.raises(StorageError, match=r"m\.gguf is cut short"):
        with_part(program, source, program.path)


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))
