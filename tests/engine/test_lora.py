"""LoRA adapters: added, refused where they do not belong, and in force in a real worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import Settings
from edge.engine.llama import LlamaEngine
from edge.engine.prepare import prepare
from edge.errors import EngineError, ModelError, NotFoundError, UsageError
from edge.models.store import ModelStore, parse_lora
from tests.engine.chain_model import write_chain_lora, write_chain_model
from tests.engine.conftest import ANSWER, make_prompt
from tests.engine.workers import make_writer

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=1, parallel=1)


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    return ModelStore(settings)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_chain_lora(tmp_path / "short.gguf", "Öl")


def answer(engine: LlamaEngine) -> str:
    try:
        return "".join(engine.stream(make_prompt()))
    finally:
        engine.close()


def test_an_adapter_changes_what_is_written(model: Path, adapter: Path) -> None:
    assert answer(LlamaEngine(make_writer(model, 512))) == ANSWER
    assert answer(LlamaEngine(make_writer(model, 512, loras=((adapter, 1.0),)))) == "Öl"
    assert answer(LlamaEngine(make_writer(model, 512, loras=((adapter, 0.01),)))) == ANSWER


def test_it_is_chosen_with_the_model(
    store: ModelStore, settings: Settings, model: Path, adapter: Path
) -> None:
    added = store.add(model)
    assert store.add(adapter).kind == "adapter"
    assert [(m.name, m.kind, m.active) for m in store.list()] == [
        ("chain", "model", True), ("short", "adapter", False)
    ]  # fmt: skip
    store.use("chain", [("short", 1.0)])
    assert store.list()[1].active
    assert answer(LlamaEngine.from_settings(settings, added.path)) == "Öl"
    store.use("chain")
    assert store.list_loras() == ()
    assert answer(LlamaEngine.from_settings(settings, added.path)) == ANSWER


def test_the_plan_counts_it(store: ModelStore, settings: Settings, model: Path, adapter: Path) -> None:
    path = store.add(model).path
    store.add(adapter)
    without = prepare(settings, path).plan
    store.use("chain", [("short", 0.5)])
    planned = prepare(settings, path)
    assert planned.options.loras == ((store.folder / "lora" / "short.gguf", 0.5),)
    assert planned.plan is not None
    assert without is not None
    assert planned.plan.bytes == without.bytes + adapter.stat().st_size


def test_one_of_another_architecture_is_refused_before_loading(
    store: ModelStore, model: Path, tmp_path: Path
) -> None:
    store.add(model)
    store.add(write_chain_lora(tmp_path / "other.gguf", "x", architecture="qwen2"))
    with pytest.raises(UsageError, match="other is an adapter for qwen2 models, and chain is llama"):
        store.use("chain", [("other", 1.0)])
    store.add(write_chain_lora(tmp_path / "wide.gguf", "x", width=320))
    with pytest.raises(UsageError, match=r"wide does not fit chain: output\.weight is 288 × 288 there"):
        store.use("chain", [("wide", 1.0)])
    store.add(TINY)
    store.add(write_chain_lora(tmp_path / "short.gguf", "x"))
    with pytest.raises(UsageError, match="short does not fit tiny"):
        store.use("tiny", [("short", 1.0)])


def test_what_llama_cpp_refuses_is_said(model: Path, tmp_path: Path) -> None:
    other = write_chain_lora(tmp_path / "other.gguf", "x", architecture="qwen2")
    engine = LlamaEngine(make_writer(model, 512, loras=((other, 1.0),)))
    with pytest.raises(EngineError, match=r"the adapter other\.gguf does not fit it"):
        answer(engine)


def test_an_adapter_is_no_model(store: ModelStore, model: Path, adapter: Path, tmp_path: Path) -> None:
    store.add(adapter)
    with pytest.raises(NotFoundError, match="no model named short"):
        store.use("short")
    store.add(model)
    with pytest.raises(NotFoundError, match="no adapter named chain"):
        store.use("chain", [("chain", 1.0)])
    with pytest.raises(UsageError, match="named short"):
        store.add(write_chain_model(adapter.with_name("short.gguf"), "ab"))


def test_a_name_is_for_one_thing(store: ModelStore, adapter: Path, model: Path, tmp_path: Path) -> None:
    store.add(model)
    with pytest.raises(UsageError, match="named chain"):
        store.add(write_chain_lora(tmp_path / "chain.gguf", "x"))


def test_removing_it_takes_it_out_of_force(store: ModelStore, model: Path, adapter: Path) -> None:
    store.add(model)
    store.add(adapter)
    store.use("chain", [("short", 1.0)])
    store.remove("short")
    assert store.list_loras() == ()
    assert store.find_active() is not None
    assert sorted(path.name for path in (store.folder / "lora").iterdir()) == []


def test_other_kinds_of_adapters_are_refused(store: ModelStore, tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "vector.gguf"
    file = gguf.GGUFWriter(path, "llama")
    file.add_type("adapter")
    file.add_string("adapter.type", "control vector")
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    with pytest.raises(ModelError, match="no LoRA adapter"):
        store.add(path)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("a", ("a", 1.0)), ("a:0.5", ("a", 0.5)), ("a:-1", ("a", -1.0)), ("a:1e1", ("a", 10.0))],
)
def test_scales(text: str, meant: tuple[str, float]) -> None:
    assert parse_lora(text) == meant


@pytest.mark.parametrize("text", ["", ":1", "a:", "a:x", "a:0", "a:nan", "a:inf", "a:1e9"])
def test_what_is_no_scale(text: str) -> None:
    with pytest.raises(UsageError):
        parse_lora(text)
