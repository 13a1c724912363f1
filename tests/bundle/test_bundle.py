from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle, open_bundle, open_own_bundle
from edge.bundle.compose import add_part
from edge.errors import NotFoundError, StorageError
from tests.bundle.test_compose import flip

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


@pytest.fixture
def bundle(program: Bundle, tmp_path: Path) -> Bundle:
    """The program with a model inside."""
    model = tmp_path / "m.gguf"
    shutil.copy(TINY, model)
    return add_part(program, admit(model), program.path)


def test_a_part_comes_out_as_it_went_in(bundle: Bundle, tmp_path: Path) -> None:
    bundle.extract(bundle.get_part("m.gguf"), tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").read_bytes() == (tmp_path / "m.gguf").read_bytes()


def test_a_damaged_part_is_found_and_does_not_come_out(bundle: Bundle, tmp_path: Path) -> None:
    part = bundle.get_part("m.gguf")
    flip(bundle.path, part.offset + 100)
    assert [bundle.is_sound(each) for each in bundle.parts] == [True, True, False]
    with pytest.raises(StorageError, match=r"edge is damaged: model m\.gguf"):
        bundle.extract(part, tmp_path / "out.gguf")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_every_byte_of_the_file_is_checked(bundle: Bundle) -> None:
    assert [verdict.what for verdict in bundle.verify()] == ["program", "launcher", "model m.gguf"]
    size = bundle.path.stat().st_size
    for at in range(0, size, size // 400):
        flip(bundle.path, at)
        try:
            found = [verdict.what for verdict in open_bundle(bundle.path).verify() if not verdict.sound]
        except (StorageError, NotFoundError) as error:
            found = [error.message]
        assert len(found) == 1, at
        flip(bundle.path, at)


def test_what_lies_between_parts_is_named(bundle: Bundle) -> None:
    program, launcher, model = bundle.parts
    for at, name in ((launcher.end, "program"), (program.end + 1, "model m.gguf")):
        flip(bundle.path, at)
        assert [each.what for each in bundle.verify() if not each.sound] == [f"padding before {name}"]
        flip(bundle.path, at)
    assert model.offset - program.end > 1


def test_progress_is_told_of_in_bytes_of_the_whole(bundle: Bundle) -> None:
    told: list[tuple[str, int, int]] = []
    list(bundle.verify(lambda *step: told.append(step)))
    total = sum(part.size for part in bundle.parts)
    assert [step[0] for step in told] == ["program", "launcher", "model m.gguf"]
    assert told[-1] == ("model m.gguf", total, total)


def test_what_is_not_inside_is_not_found(bundle: Bundle) -> None:
    with pytest.raises(NotFoundError, match=r"does not contain x\.gguf") as caught:
        bundle.get_part("x.gguf")
    assert "m.gguf" in caught.value.hint


@pytest.mark.parametrize("behind", [1, 30, 64], ids=["footer's checksum", "footer", "footer's mark"])
def test_a_damaged_footer_is_told(bundle: Bundle, behind: int) -> None:
    flip(bundle.path, bundle.path.stat().st_size - behind)
    with pytest.raises((StorageError, NotFoundError), match="edge is"):
        open_bundle(bundle.path)


def test_a_damaged_table_is_told(bundle: Bundle) -> None:
    flip(bundle.path, bundle.path.stat().st_size - 64 - 3)
    with pytest.raises(StorageError, match="edge is damaged: the table of contents"):
        open_bundle(bundle.path)


def test_other_files_are_no_programs(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x7fELF" * 99)
    with pytest.raises(NotFoundError, match="no one-file program"):
        open_bundle(tmp_path / "x")
    with pytest.raises(NotFoundError, match="There is no"):
        open_bundle(tmp_path / "y")


def test_the_program_that_runs_is_the_one_the_launcher_names(bundle: Bundle) -> None:
    assert open_own_bundle({"EDGE_EXECUTABLE": str(bundle.path)}) == bundle
    assert open_own_bundle({}) is None
