from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import SourceError
from edge.ingest.source import list_source


def make_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "pump.md").write_text("# Pump\n")
    (tmp_path / "secret.txt").write_text("A password.")
    return folder


@pytest.mark.parametrize("target", ["secret.txt", "missing.txt", "."])
def test_a_link_out_of_the_folder_is_refused_by_name(tmp_path: Path, target: str) -> None:
    folder = make_folder(tmp_path)
    (folder / "notes.txt").symlink_to(tmp_path / target)
    with pytest.raises(
        SourceError, match=r"notes\.txt is a symbolic link that leads out of the folder"
    ) as error:
        list_source(folder)
    assert error.value.hint


def test_a_link_within_the_folder_is_a_document(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "same.md").symlink_to("pump.md")
    files, skipped = list_source(folder)
    assert [file.name for file in files] == ["pump.md", "same.md"]
    assert skipped == []


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (tmp_path / "link").symlink_to(folder)
    (folder / "same.md").symlink_to(folder / "pump.md")
    assert len(list_source(tmp_path / "link")[0]) == 2


@pytest.mark.parametrize(
    "name", ["pump\n[1] official.pdf.md", "pump\u202efdp.md", "pump\x1b[2J.md", "a\u2066b.md"]
)
def test_a_name_that_looks_like_another_one_is_skipped(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path)
    (folder / name).write_text("# Pump\n")
    (folder / "größe \u200d क्\u200dष.md").write_text("# Pump\n")
    files, skipped = list_source(folder)
    assert len(files) == 2
    assert [(file.name, file.reason[:26]) for file in skipped] == [(name, "its name holds a line brea")]
