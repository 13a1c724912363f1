"""The judge that came with edge: the real model in a real worker."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge.app import make_judge
from edge.config import Settings
from edge.engine.reranker import BUNDLED, find_judge
from edge.errors import NotFoundError


def test_it_tells_what_answers_from_what_only_speaks_of_it(tmp_path: Path) -> None:
    judge = make_judge(Settings(home=tmp_path), load_s=20.0)
    assert judge
    with closing(judge):
        answer, other = judge.score(
            "how long to wait before opening the drive",
            ["Opening. Wait 10 minutes after switching off.", "Opening. The drive has a metal cover."],
        )
    assert answer > other + 1


def test_without_an_embedder_or_by_the_settings_there_is_none(tmp_path: Path) -> None:
    assert find_judge(Settings(home=tmp_path)) == BUNDLED
    assert find_judge(Settings(home=tmp_path), tmp_path / "gone.gguf") is None
    assert find_judge(Settings(home=tmp_path, judge="none")) is None
    assert find_judge(Settings(home=tmp_path, embedder="none")) is None
    with pytest.raises(NotFoundError, match="judge"):
        find_judge(Settings(home=tmp_path, judge=str(tmp_path / "gone.gguf")))
