"""Language models on the device: whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.config import Settings
from edge.errors import BusyError, ModelError, NotFoundError, StorageError, UsageError
from edge.models.store import ModelStore
from tests.engine.chain_model import write_chain_model


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(Settings(home=tmp_path / "home"))


def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models"


def left_over(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in folder(tmp_path).iterdir() if path.name != ".lock")


def test_nothing_is_there_at_first(store: ModelStore, tmp_path: Path) -> None:
    assert store.list() == ()
    assert store.find_active() is None
    assert not folder(tmp_path).exists()
    with pytest.raises(NotFoundError, match="No language model"):
        store.require_active()


def test_the_first_model_is_used(store: ModelStore, model: Path, tmp_path: Path) -> None:
    added = store.add(model)
    assert (added.name, added.active, added.bytes) == ("chain", True, model.stat().st_size)
    assert store.require_active() == added.path == folder(tmp_path) / "chain.gguf"
    assert added.path.read_bytes() == model.read_bytes()
    assert left_over(tmp_path) == ["active", "chain.gguf", "chain.json"]


def test_another_is_used_when_chosen(store: ModelStore, model: Path, endless_model: Path) -> None:
    store.add(model)
    assert not store.add(endless_model).active
    assert store.use("endless").active
    assert [(m.name, m.active) for m in store.list()] == [("chain", False), ("endless", True)]


def test_adding_again_changes_nothing(store: ModelStore, model: Path) -> None:
    assert store.add(model) == store.add(model)


def test_another_model_of_the_same_name_is_refused(store: ModelStore, model: Path, tmp_path: Path) -> None:
    store.add(model)
    other = write_chain_model(tmp_path / "chain.gguf", "ok")
    with pytest.raises(UsageError, match="named chain"):
        store.add(other)
    assert store.require_active().read_bytes() == model.read_bytes()


def test_removing_the_one_in_use_leaves_none(store: ModelStore, model: Path, tmp_path: Path) -> None:
    store.add(model)
    store.remove("chain")
    assert store.find_active() is None
    assert left_over(tmp_path) == []


def test_names_are_easy_to_type(store: ModelStore, model: Path, tmp_path: Path) -> None:
    awkward = shutil.copy(model, tmp_path / "My model (7B) é.Q4_K_M.gguf")
    assert store.add(Path(awkward)).name == "My-model-7B-.Q4_K_M"


@pytest.mark.parametrize("name", ["missing", "../chain", ""])
def test_unknown_names_are_refused(store: ModelStore, model: Path, name: str) -> None:
    store.add(model)
    for action in (store.use, store.remove):
        with pytest.raises(NotFoundError) as caught:
            action(name)
        assert "chain" in caught.value.hint


def test_an_embedder_is_no_language_model(store: ModelStore, embedder_path: Path) -> None:
    with pytest.raises(ModelError, match="is an embedder"):
        store.add(embedder_path)


@pytest.mark.parametrize("cut", [0, 3, 200, 100_000])
def test_a_damaged_file_is_refused_and_nothing_is_left(
    store: ModelStore, model: Path, tmp_path: Path, cut: int
) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(model.read_bytes()[:cut])
    with pytest.raises(ModelError) as caught:
        store.add(damaged)
    assert caught.value.hint
    assert not folder(tmp_path).exists()


def test_a_missing_file_is_named(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"missing\.gguf"):
        store.add(tmp_path / "missing.gguf")


def test_a_full_disk_is_seen_beforehand(
    store: ModelStore, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
    with pytest.raises(StorageError, match=r"chain\.gguf needs .* MB, and 1\.0 kB are free"):
        store.add(model)
    assert left_over(tmp_path) == []


def test_an_interrupted_copy_leaves_nothing(store: ModelStore, model: Path, tmp_path: Path) -> None:
    def interrupt(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(model, interrupt)
    assert left_over(tmp_path) == []


def test_what_a_power_cut_left_is_cleared_away(store: ModelStore, model: Path, tmp_path: Path) -> None:
    folder(tmp_path).mkdir(parents=True)
    (folder(tmp_path) / ".half.gguf.new").write_bytes(b"GGUF")
    store.add(model)
    assert left_over(tmp_path) == ["active", "chain.gguf", "chain.json"]


def test_a_pointer_to_a_model_that_is_gone_counts_for_nothing(store: ModelStore, model: Path) -> None:
    store.add(model).path.unlink()
    assert store.find_active() is None
    assert store.list() == ()


def test_two_processes_do_not_change_models_at_once(store: ModelStore, model: Path, tmp_path: Path) -> None:
    folder(tmp_path).mkdir(parents=True)
    with (folder(tmp_path) / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError):
            store.add(model)


def test_a_home_that_is_no_folder_is_a_storage_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(StorageError) as caught:
        ModelStore(Settings(home=tmp_path / "home")).add(model)
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_is_a_storage_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    with pytest.raises(StorageError):
        ModelStore(Settings(home=tmp_path / "home")).add(model)


def test_progress_reaches_the_end(store: ModelStore, model: Path) -> None:
    seen: list[tuple[int, int]] = []
    store.add(model, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (model.stat().st_size, model.stat().st_size)
