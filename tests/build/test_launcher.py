"""The launcher is the same wherever it is compiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import launcher
from fetch import make_cache_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler"),
    pytest.mark.skipif(
        not any((make_cache_folder() / "downloads").glob("zstandard-*.tar.gz")),
        reason="`make binary` gets zstd",
    ),
]


def test_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    built = []
    for name in ("here", "elsewhere/further down"):
        (tmp_path / name).mkdir(parents=True)
        built.append(launcher.build(["cc"], launcher.FLAGS, tmp_path / name).read_bytes())
    assert built[0] == built[1]
    assert str(tmp_path).encode() not in built[0]
    assert str(launcher.FOLDER).encode() not in built[0]
