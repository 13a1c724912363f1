"""Every file of the unpacked folder is compared with the list in the program."""

from __future__ import annotations

from pathlib import Path

import pytest

import archive
from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, compose
from edge.bundle.unpacked import find_altered
from edge.errors import StorageError
from tests.bundle.test_compose import flip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as it was unpacked."""
    folder = tmp_path / "folder"
    (folder / "lib").mkdir(parents=True)
    (folder / "edge").write_text("edge")
    (folder / "lib" / "a name with spaces.so").write_bytes(bytes(1000))
    return folder


@pytest.fixture
def bundle(folder: Path, tmp_path: Path) -> Bundle:
    """The program that it was unpacked from."""
    (tmp_path / "launcher").write_bytes(b"launcher")
    source = Source.from_file("program", archive.pack_folder(folder, tmp_path))
    return compose(Source.from_file("launcher", tmp_path / "launcher"), [source], tmp_path / "edge")


def test_what_was_unpacked_is_found_whole(bundle: Bundle, folder: Path) -> None:
    assert find_altered(bundle, folder) == ()


def test_a_flipped_bit_and_a_file_that_is_gone_are_named(bundle: Bundle, folder: Path) -> None:
    flip(folder / "lib" / "a name with spaces.so", 500)
    (folder / "edge").unlink()
    assert find_altered(bundle, folder) == ("edge", "lib/a name with spaces.so")


def test_the_program_may_have_its_name_for_fat(bundle: Bundle, folder: Path) -> None:
    (folder / "edge").rename(folder / "edge.exe")
    assert find_altered(bundle, folder) == ()


def test_a_damaged_list_is_told(bundle: Bundle, folder: Path) -> None:
    flip(bundle.path, bundle.parts[0].offset + 12)
    with pytest.raises(StorageError, match="damaged"):
        find_altered(bundle, folder)
