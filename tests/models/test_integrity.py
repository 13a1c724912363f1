"""A model's file is compared with what came in at every load."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import files
from edge.config import Settings
from edge.embedded.part import read_stamp
from edge.engine.llama import LlamaEngine
from edge.errors import ModelError
from edge.models.integrity import Guard, Record, read_record, record_path, verify, write_record
from edge.models.store import InstalledModel, ModelStore
from tests.engine.conftest import ANSWER, make_prompt


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(Settings(home=tmp_path / "home"))


@pytest.fixture
def installed(store: ModelStore, model: Path) -> InstalledModel:
    return store.add(model)


def flip(path: Path, *, quietly: bool = False) -> None:
    """Change the last byte; quietly: as a failing disk does, without a trace in the file's times."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    record = read_record(path)
    if quietly and record:
        write_record(
            path, Record(record.sha256, record.bytes, record.source, read_stamp(path), record.checked)
        )


@pytest.fixture
def alarms() -> list[None]:
    return []


@pytest.fixture
def guarded(alarms: list[None]) -> Iterator[Callable[[Path], Guard]]:
    guards: list[Guard] = []

    def make(path: Path) -> Guard:
        guards.append(Guard((path,)))
        guards[-1].check_before_loading(lambda: alarms.append(None))
        return guards[-1]

    yield make
    for guard in guards:
        guard.close()


def test_the_hash_is_recorded_when_a_model_comes(installed: InstalledModel, model: Path) -> None:
    record = read_record(installed.path)
    assert record is not None
    assert (record.sha256, record.bytes) == (files.hash_file(model), model.stat().st_size)
    assert record.source == str(model)
    assert record.seen == read_stamp(installed.path)
    assert record.checked == 0  # hashed on its way here, not yet where it is


def test_a_load_hashes_all_of_it_in_the_background(
    installed: InstalledModel, guarded: Callable[[Path], Guard], alarms: list[None]
) -> None:
    guard = guarded(installed.path)
    assert guard.wait(10)
    record = read_record(installed.path)
    assert record is not None
    assert record.checked > 0
    assert not alarms
    assert guard.damage is None


def test_a_file_that_looks_changed_is_hashed_first(
    installed: InstalledModel, guarded: Callable[[Path], Guard]
) -> None:
    flip(installed.path)
    with pytest.raises(ModelError, match=r"chain\.gguf is damaged") as caught:
        guarded(installed.path)
    assert "edge model remove chain" in caught.value.hint
    assert "edge model add FILE" in caught.value.hint


def test_a_file_that_was_only_touched_is_loaded(
    installed: InstalledModel, guarded: Callable[[Path], Guard]
) -> None:
    os.utime(installed.path, ns=(0, 0))
    assert guarded(installed.path).wait(10)
    record = read_record(installed.path)
    assert record is not None
    assert record.seen == read_stamp(installed.path)


def test_decay_of_the_disk_is_found_while_it_runs(
    installed: InstalledModel, guarded: Callable[[Path], Guard], alarms: list[None]
) -> None:
    flip(installed.path, quietly=True)
    guard = guarded(installed.path)
    assert guard.wait(10)
    assert len(alarms) == 1
    assert guard.damage is not None
    with pytest.raises(ModelError, match="is damaged"):  # at once, from now on
        guard.check_before_loading(lambda: None)
    with pytest.raises(ModelError, match="is damaged"):  # and after the next start of the program
        guarded(installed.path)


def test_a_model_that_was_mended_is_loaded_again(
    installed: InstalledModel, store: ModelStore, model: Path, guarded: Callable[[Path], Guard]
) -> None:
    flip(installed.path, quietly=True)
    guard = guarded(installed.path)
    assert guard.wait(10)
    store.add(model)
    guard.check_before_loading(lambda: None)
    assert guard.wait(10)
    assert guard.damage is None


def test_a_model_without_a_record_gets_one(
    installed: InstalledModel, guarded: Callable[[Path], Guard], model: Path
) -> None:
    record_path(installed.path).unlink()
    assert guarded(installed.path).wait(10)
    record = read_record(installed.path)
    assert record is not None
    assert (record.sha256, record.source) == (files.hash_file(model), "found on this device")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"sha256": "00"}', "[" * 10_000, '{"sha256": 1, "bytes": "x"}']
)
def test_a_record_that_cannot_be_read_is_none(installed: InstalledModel, text: str) -> None:
    record_path(installed.path).write_text(text)
    assert read_record(installed.path) is None


@given(st.binary())
def test_a_record_of_any_bytes_is_read_or_none(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.gguf")
        record_path(path).write_bytes(data)
        assert read_record(path) is None


def test_a_check_in_the_background_ends_with_its_guard(installed: InstalledModel) -> None:
    before = read_record(installed.path)
    guard = Guard((installed.path,))
    guard.close()
    guard.check_before_loading(lambda: pytest.fail("it is undamaged"))
    assert guard.wait(10)
    assert read_record(installed.path) == before


def test_removing_a_model_removes_its_record(installed: InstalledModel, store: ModelStore) -> None:
    store.remove("chain")
    assert sorted(path.name for path in store.folder.iterdir()) == [".lock"]


def test_a_power_cut_before_the_file_has_its_name(store: ModelStore, model: Path) -> None:
    """The record comes first, so at worst there is one without a file; adding it again makes both whole."""
    store.folder.mkdir(parents=True)
    write_record(store.folder / "chain.gguf", Record("0" * 64, 1))
    added = store.add(model)
    record = read_record(added.path)
    assert record is not None
    assert record.sha256 == files.hash_file(model)


def test_a_source_on_a_hub_is_named_in_the_hint(installed: InstalledModel) -> None:
    record = json.loads(record_path(installed.path).read_text())
    record_path(installed.path).write_text(json.dumps({**record, "source": "hf:a/b/c.gguf@0"}))
    flip(installed.path)
    with pytest.raises(ModelError) as caught:
        verify(installed.path)
    assert "edge model pull hf:a/b/c.gguf@0" in caught.value.hint


class TestInAnEngine:
    """The same with a real worker."""

    @pytest.fixture
    def engine(self, installed: InstalledModel, tmp_path: Path) -> Iterator[LlamaEngine]:
        engine = LlamaEngine.from_settings(
            Settings(home=tmp_path / "home", threads=1, parallel=1), installed.path
        )
        yield engine
        engine.close()

    def test_a_whole_model_answers(self, engine: LlamaEngine) -> None:
        assert "".join(engine.stream(make_prompt())) == ANSWER

    def test_a_changed_model_is_refused_by_name(self, engine: LlamaEngine, installed: InstalledModel) -> None:
        flip(installed.path)
        with pytest.raises(ModelError, match=r"chain\.gguf is damaged"):
            engine.read_facts()

    def test_a_model_that_decayed_answers_no_more(
        self, engine: LlamaEngine, installed: InstalledModel
    ) -> None:
        flip(installed.path, quietly=True)
        with pytest.raises(ModelError, match=r"chain\.gguf is damaged"):
            self.ask_again_and_again(engine)

    def ask_again_and_again(self, engine: LlamaEngine) -> None:
        for _ in range(1000):  # the first answer may come before the check is done
            list(engine.stream(make_prompt()))
