"""A model inside the one-file program is used where it is, as long as no other is chosen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edge import app
from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, add_part, remove_part
from edge.config import Settings
from edge.embedded.findings import open_findings
from edge.embedded.part import EXECUTABLE, read_stamp
from edge.engine.embedder import BUNDLED
from edge.engine.llama import LlamaEngine
from edge.errors import EngineError, ModelError, UsageError
from edge.models import gguf
from edge.models.integrity import Guard, read_record
from edge.models.store import ModelStore
from tests.bundle.test_compose import flip
from tests.engine.conftest import ANSWER, make_prompt
from tests.engine.rank_model import write_template_model
from tests.programs import make_small_program


@pytest.fixture
def program(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A program with a model inside, which is the one that runs."""
    bundle = make_small_program(tmp_path)
    monkeypatch.setenv(EXECUTABLE, str(bundle.path))
    return add_part(bundle, admit(model), bundle.path)


@pytest.fixture
def settings(tmp_path: Path, program: Bundle) -> Settings:
    return Settings(home=tmp_path / "home", max_input_tokens=256, max_output_tokens=128, threads=1)


def test_it_answers_and_writes_nothing_to_the_models(
    settings: Settings, program: Bundle, model: Path
) -> None:
    path = ModelStore(settings).require_active()
    assert path == program.path / model.name
    assert gguf.read_header(path) == gguf.read_header(model)
    engine = LlamaEngine.from_settings(settings, path)
    assert engine.name == f"llama:{model.stem}"
    assert "".join(engine.stream(make_prompt())) == ANSWER
    engine.close()
    assert not settings.models_dir.exists()


def test_it_is_used_until_another_is_chosen(settings: Settings, program: Bundle, endless_model: Path) -> None:
    store = ModelStore(settings)
    store.add(endless_model)
    assert store.find_active() == program.path / "chain.gguf"
    assert [(model.name, model.active) for model in store.list()] == [("endless", False), ("chain", True)]
    store.use("endless")
    assert store.find_active() == settings.models_dir / endless_model.name
    store.use("chain")
    assert store.find_active() == program.path / "chain.gguf"


def test_it_cannot_be_removed_from_the_store(settings: Settings) -> None:
    with pytest.raises(UsageError, match="is inside the program"):
        ModelStore(settings).remove("chain")


def test_models_are_told_apart_by_what_they_are_for(
    settings: Settings, program: Bundle, model: Path, tmp_path: Path
) -> None:
    bundle = remove_part(program, program.get_part("chain.gguf"), program.path)
    reranker, other = tmp_path / "a-reranker.gguf", tmp_path / "other.gguf"
    write_template_model(reranker)
    shutil.copy(model, other)
    (embedder,) = BUNDLED.glob("minilm-*.gguf")
    bundle = add_part(bundle, Source.from_file("model", embedder), program.path)
    for path in (reranker, model, other):
        bundle = add_part(bundle, admit(path), program.path)
    store = ModelStore(settings)
    assert store.find_active() == program.path / "chain.gguf"
    assert store.find_reranker() == program.path / "a-reranker.gguf"
    assert [(m.name, m.purpose, m.active, m.place) for m in store.list()] == [
        (embedder.stem, "embedder", False, "inside"),
        ("a-reranker", "reranker", True, "inside"),
        ("chain", "", True, "inside"),
        ("other", "", False, "inside"),
    ]
    store.use("other")
    assert ModelStore(settings).find_active() == program.path / "other.gguf"
    with pytest.raises(ModelError, match="is an embedder"):
        store.use(embedder.stem)


def test_any_name_can_be_chosen(settings: Settings, program: Bundle, model: Path, tmp_path: Path) -> None:
    add_part(program, admit(Path(shutil.copy(model, tmp_path / "größe 2 .gguf"))), program.path)
    ModelStore(settings).use("größe 2 ")
    assert ModelStore(settings).find_active() == program.path / "größe 2 .gguf"


def test_a_server_quotes_while_a_model_is_checked(settings: Settings, program: Bundle) -> None:
    waits = []
    for mode in (app.Mode.SERVER, app.Mode.QUESTION):
        with app.build(settings, mode) as edge:
            engine = edge.get_engine("llama")
            assert isinstance(engine, LlamaEngine)
            waits.append(engine._guard.limit_s if engine._guard else -1)
    assert waits == [app.CHECK_S, None]


def test_a_model_whose_place_in_the_program_changes_is_loaded_from_there(
    settings: Settings, program: Bundle, model: Path, endless_model: Path
) -> None:
    bundle = add_part(program, admit(endless_model), program.path)
    path = program.path / endless_model.name
    engine = LlamaEngine.from_settings(settings, path)
    moved = remove_part(bundle, bundle.get_part(model.name), program.path)
    assert moved.get_part(path.name).offset < bundle.get_part(path.name).offset
    assert next(engine.stream(make_prompt()))
    engine.close()


def test_a_flipped_model_does_not_answer_once(settings: Settings, program: Bundle) -> None:
    part = program.get_part("chain.gguf")
    flip(program.path, part.end - 100)
    engine = LlamaEngine.from_settings(settings, program.path / part.name)
    with pytest.raises(ModelError, match=r"chain\.gguf inside edge is damaged"):
        next(engine.stream(make_prompt()))
    assert engine.pid is None
    engine.close()


def test_a_model_inside_is_hashed_first_only_once_a_copy(
    settings: Settings, program: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program.path / "chain.gguf"
    known = open_findings(settings.home)
    guard = Guard((path,), findings=known)
    guard.check_before_loading(lambda: None)
    assert guard.wait(0), "it was hashed here, and is not again"
    record = read_record(path, known)
    assert record is not None
    assert record.seen == read_stamp(path)
    guard.check_before_loading(lambda: None)
    assert guard.wait(10)
    guard.close()
    os.utime(program.path)
    record = read_record(path, known)
    assert record is not None
    assert record.seen is None


def test_a_server_does_not_wait_for_the_first_check(settings: Settings, program: Bundle) -> None:
    guard = Guard((program.path / "chain.gguf",), findings=open_findings(settings.home))
    guard.limit_s = 0.0

    def insist() -> None:
        while True:  # a quick machine has hashed it before it is looked at
            guard.check_before_loading(lambda: None)
            os.utime(program.path)

    with pytest.raises(EngineError, match=r"chain\.gguf is being checked, once for each copy: \d+ % done"):
        insist()
    assert guard.wait(10)
    guard.check_before_loading(lambda: None)
    guard.close()


def test_decay_of_a_model_inside_is_found_while_it_runs(settings: Settings, program: Bundle) -> None:
    path, known = program.path / "chain.gguf", open_findings(settings.home)
    part = program.get_part(path.name)
    flip(program.path, part.end - 100)
    known.keep(path, part.sha256, read_stamp(path))  # it was right when it was read last
    alarms: list[None] = []
    guard = Guard((path,), findings=known)
    guard.check_before_loading(lambda: alarms.append(None))
    assert guard.wait(10)
    assert alarms == [None]
    assert known.find(path) is None
    guard.close()


def test_damaged_weights_are_refused_by_their_name(settings: Settings, program: Bundle) -> None:
    part = program.get_part("chain.gguf")
    flip(program.path, part.end - 100)
    engine = LlamaEngine.from_settings(settings, program.path / part.name)
    with pytest.raises(EngineError, match=r"chain\.gguf inside edge is damaged"):
        _ask_again_and_again(engine)
    engine.close()


def _ask_again_and_again(engine: LlamaEngine) -> None:
    """Ask while the first answers are written: the weights are read meanwhile."""
    for _ in range(100):
        "".join(engine.stream(make_prompt()))
