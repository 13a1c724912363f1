"""A model inside the one-file program is used where it is, as long as no other is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle
from edge.bundle.compose import Source, compose, with_part
from edge.config import Settings
from edge.engine import gguf
from edge.engine.llama import LlamaEngine
from edge.engine.models import ModelStore
from edge.errors import EngineError, UsageError
from edge.inside.part import EXECUTABLE
from tests.bundle.test_compose import flip
from tests.engine.conftest import ANSWER, prompt


@pytest.fixture
def program(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A program with a model inside, which is the one that runs."""
    (tmp_path / "launcher").write_bytes(b"launcher")
    (tmp_path / "archive").write_bytes(b"archive")
    archive = Source("program", "edge", tmp_path / "archive", 0, 7)
    bundle = compose(Source.file("program", tmp_path / "launcher"), [archive], tmp_path / "edge")
    monkeypatch.setenv(EXECUTABLE, str(bundle.path))
    return with_part(bundle, admit(model), bundle.path)


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
    assert "".join(engine.stream(prompt())) == ANSWER
    engine.close()
    assert not settings.models_dir.exists()


def test_it_is_used_until_another_is_chosen(settings: Settings, program: Bundle, endless_model: Path) -> None:
    store = ModelStore(settings)
    store.add(endless_model)
    assert store.active() == program.path / "chain.gguf"
    assert [(model.name, model.active) for model in store.list()] == [("endless", False), ("chain", True)]
    store.use("endless")
    assert store.active() == settings.models_dir / endless_model.name
    store.use("chain")
    assert store.active() == program.path / "chain.gguf"


def test_it_cannot_be_removed_from_the_store(settings: Settings) -> None:
    with pytest.raises(UsageError, match="comes with the program"):
        ModelStore(settings).remove("chain")


def test_damaged_weights_are_refused_by_their_name(settings: Settings, program: Bundle) -> None:
    part = program.part("chain.gguf")
    flip(program.path, part.end - 100)
    engine = LlamaEngine.from_settings(settings, program.path / part.name)
    with pytest.raises(EngineError, match=r"chain\.gguf inside edge is damaged"):
        _ask_again_and_again(engine)
    engine.close()


def _ask_again_and_again(engine: LlamaEngine) -> None:
    """The weights are read while the first answers are written."""
    for _ in range(100):
        "".join(engine.stream(prompt()))
