"""A small program of the real form: a launcher that is none, and an archive that nobody unpacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, compose


@pytest.fixture
def program(tmp_path: Path) -> Bundle:
    launcher, archive = tmp_path / "launcher", tmp_path / "archive"
    launcher.write_bytes(b"the launcher" * 999)
    archive.write_bytes(b"the archive" * 9999)
    target = tmp_path / "edge"
    return compose(
        Source.file("program", launcher),
        [Source("program", "edge", archive, 0, archive.stat().st_size)],
        target,
    )
