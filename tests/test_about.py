from __future__ import annotations

from pathlib import Path

import pytest

from edge.about import read_build_facts, read_licences
from edge.errors import NotFoundError


def test_what_the_build_wrote_down_is_read(tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text('{"commit": "abc", "Python": "3.11"}')
    (tmp_path / "licenses.txt").write_text("all of them")
    assert read_build_facts(tmp_path) == {"commit": "abc", "Python": "3.11"}
    assert read_licences(tmp_path) == "all of them"


@pytest.mark.parametrize("text", ["", "[", "\0"])
def test_facts_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "build.json").write_text(text)
    assert read_build_facts(tmp_path) == {}


def test_where_nothing_is_inside_there_are_no_licences(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_licences(tmp_path)
