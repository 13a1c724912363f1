from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import pack_cache
from pack_cache import CODE, HANDBOOK, STARTER, build_cached_pack, hash_ingredients


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGE_BUILD_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "pumps"
    folder.mkdir()
    (folder / "pump.md").write_text("Open the suction valve first.")
    return folder


@pytest.fixture
def built() -> list[Path]:
    return []


@pytest.fixture
def build(built: list[Path]) -> Callable[[Path, Path], None]:
    def build(source: Path, pack: Path) -> None:
        built.append(pack)
        pack.write_text((source / "pump.md").read_text())

    return build


def test_a_pack_is_built_once(source: Path, build: pack_cache.Build, built: list[Path]) -> None:
    assert build_cached_pack(source, build) == build_cached_pack(source, build) == built[0]
    assert len(built) == 1


def test_a_changed_document_builds_anew(source: Path, build: pack_cache.Build, built: list[Path]) -> None:
    before = build_cached_pack(source, build)
    (source / "pump.md").write_text("Open the suction valve last.")
    assert build_cached_pack(source, build).read_text() == "Open the suction valve last."
    assert before.read_text() == "Open the suction valve first."


def test_a_renamed_document_is_another_source(source: Path) -> None:
    before = hash_ingredients(source)
    (source / "pump.md").rename(source / "pumps.md")
    assert hash_ingredients(source) != before


def test_those_that_come_meanwhile_wait_for_the_one_that_builds(
    source: Path, build: pack_cache.Build, built: list[Path]
) -> None:
    with ThreadPoolExecutor(4) as threads:
        packs = set(threads.map(lambda _: build_cached_pack(source, build), range(4)))
    assert packs == set(built)
    assert len(built) == 1


def test_the_packs_are_where_the_cache_looks_for_them() -> None:
    assert (STARTER / "pack.toml").is_file()
    assert (HANDBOOK / "pack.toml").is_file()


def test_the_code_is_where_the_recipe_looks_for_it() -> None:
    for folder, pattern in CODE:
        assert list(folder.glob(pattern)), folder
