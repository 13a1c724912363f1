"""Small one-file programs of the real form: a launcher that is none, and an archive that nobody unpacks."""

from __future__ import annotations

from pathlib import Path

from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, compose


def make_small_program(folder: Path) -> Bundle:
    """Make ``edge`` in a folder, with nothing inside but the two."""
    launcher, archive = folder / "launcher", folder / "archive"
    launcher.write_bytes(b"the launcher" * 999)
    archive.write_bytes(b"the archive" * 9999)
    sources = [Source("program", "edge", archive, 0, archive.stat().st_size)]
    return compose(Source.from_file("program", launcher), sources, folder / "edge")
