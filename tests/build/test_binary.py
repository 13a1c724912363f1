from __future__ import annotations

from pathlib import Path

import pytest

import binary
from pack_cache import HANDBOOK, build_with_edge
from tests.conftest import BuildPack

TINY_MODEL = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


def test_the_handbook_goes_inside_beside_what_is_named(
    build_pack: BuildPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = {(HANDBOOK, build_with_edge): build_pack(name="handbook")}
    monkeypatch.setattr(binary, "build_cached_pack", lambda *call: built[call])
    monkeypatch.setenv("MODEL", str(TINY_MODEL))
    monkeypatch.setenv("PACKS", f"'{build_pack()}'")
    archive = tmp_path / "archive"
    archive.write_bytes(b"program")
    names = [source.name for source in binary.choose_sources(archive)]
    assert names == ["edge", "tiny.gguf", "handbook.kpack", "pumps.kpack"]
