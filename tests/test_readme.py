"""The README is short, its figures are those of the handbook, and its tree is that of the folders."""

from __future__ import annotations

from tests.documents import HANDBOOK, README, ROOT

MOST_LINES = 220


def test_it_is_short() -> None:
    assert len(README.text.splitlines()) <= MOST_LINES


def test_its_ten_figures_stand_in_the_handbook() -> None:
    figures = README.find_section("Ten figures that matter").find_rows()
    assert len(figures) == 10
    assert [cells for cells in figures if cells not in HANDBOOK["figures"].find_rows()] == []


def test_it_leads_to_every_chapter_of_the_handbook() -> None:
    assert [chapter.name for chapter in HANDBOOK.values() if f"]({chapter.name})" not in README.text] == []


def test_every_folder_of_the_program_is_in_the_tree_and_no_other() -> None:
    folders = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "edge").rglob("__init__.py")}
    named = {path.rstrip("/") for path in annotated() if path.startswith("edge/") and path.endswith("/")}
    assert named == folders


def test_what_the_tree_names_exists_and_is_annotated() -> None:
    for path, annotation in annotated().items():
        assert (ROOT / path).exists(), path
        assert annotation, path


def annotated() -> dict[str, str]:
    """Path to annotation, from the indentation of the tree."""
    (block,) = README.find_section("The folders").blocks("text")
    found: dict[str, str] = {}
    parents: list[str] = []
    for line in block.splitlines():
        name, _, annotation = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [name]
        found["".join(parents)] = annotation.strip()
    return found
