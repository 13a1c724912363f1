"""The installed packs, kept open; what another process changes is seen by the next question."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import PackError
from edge.packs.library import Library
from edge.packs.store import PackStore
from tests.conftest import BuildPack

INSTALL = """
import sys
from pathlib import Path
from edge.config import Settings
from edge.packs.store import PackStore
PackStore(Settings(home=Path(sys.argv[1]))).install(Path(sys.argv[2]), allow_unsigned=True)
"""
FAN = {"fan.md": "# Fan\n\nClean the blades of the fan with a soft brush."}
Build = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(Settings(home=tmp_path / "home"))


@pytest.fixture
def library(store: PackStore) -> Iterator[Library]:
    made = Library(store)
    yield made
    made.close()


def names(library: Library) -> list[tuple[str, str]]:
    return [(pack.manifest.name, pack.version) for pack in library.open_packs()]


def test_nothing_installed_is_no_packs(library: Library) -> None:
    assert library.open_packs() == []


def test_a_pack_installed_by_another_process_is_seen_by_the_next_question(
    library: Library, store: PackStore, build_pack: BuildPack
) -> None:
    assert names(library) == []
    path = build_pack(FAN, name="fans")
    subprocess.run([sys.executable, "-c", INSTALL, str(store.folder.parent), str(path)], check=True)
    assert names(library) == [("fans", "1.0")]


def test_packs_stay_open_between_questions(library: Library, store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    (first,) = library.open_packs()
    store.install(build_pack(FAN, name="doors"), allow_unsigned=True)
    assert names(library) == [("doors", "1.0"), ("fans", "1.0")]
    assert library.open_packs()[1] is first


def test_a_new_version_takes_over_while_the_old_one_can_still_be_read(
    library: Library, store: PackStore, build_pack: BuildPack
) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    (old,) = library.open_packs()
    store.install(build_pack(FAN, name="fans", version="2.0"), allow_unsigned=True)
    assert names(library) == [("fans", "2.0")]
    assert "soft brush" in old.get_chunk(1).text
    store.rollback("fans")
    assert names(library) == [("fans", "1.0")]


def test_a_pack_that_was_removed_is_gone(library: Library, store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    assert names(library) == [("fans", "1.0")]
    store.remove("fans")
    assert names(library) == []


def damage(store: PackStore, name: str) -> None:
    path = store.get(name).path
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def test_a_damaged_pack_is_left_out_and_the_others_answer(
    library: Library, store: PackStore, build_pack: BuildPack
) -> None:
    for name in ("doors", "fans"):
        store.install(build_pack(FAN, name=name), allow_unsigned=True)
    damage(store, "doors")
    assert names(library) == [("fans", "1.0")]


def test_when_all_are_damaged_that_is_said(library: Library, store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    damage(store, "fans")
    with pytest.raises(PackError, match="'fans'") as caught:
        library.open_packs()
    assert caught.value.hint
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    assert names(library) == [("fans", "1.0")]


def test_unsigned_packs_are_marked(library: Library, store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    assert [pack.signed for pack in library.open_packs()] == [False]


def test_threads_share_the_open_packs(library: Library, store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    with ThreadPoolExecutor(4) as threads:
        packs = list(threads.map(lambda _: library.open_packs()[0], range(20)))
    assert len(set(map(id, packs))) == 1


def test_closed_its_packs_cannot_be_read(library: Library, store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack(FAN, name="fans"), allow_unsigned=True)
    (pack,) = library.open_packs()
    library.close()
    library.close()
    with pytest.raises(PackError, match="closed"):
        pack.get_chunk(1)
