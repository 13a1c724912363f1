"""Settings become the options of a worker, as far as the machine goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.config import Settings
from edge.engine.llama import LlamaEngine
from edge.engine.machine.fit import Wishes
from edge.engine.machine.resources import Device, Machine, Memory
from edge.engine.prepare import BACK_ENDS, find_back_ends, may_have_gpu, prepare, read_machine, read_wishes
from edge.errors import ModelError, UsageError
from tests.engine.conftest import ANSWER, make_prompt

GIB = 1 << 30


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_defaults_leave_everything_to_the_machine(settings: Settings) -> None:
    assert read_wishes(settings) == Wishes(4096, 1024)


def test_settings_are_wishes(settings: Settings) -> None:
    chosen = replace(settings, threads=3, parallel=8, kv_type="q8_0", gpu_layers="12", repack="on")
    assert read_wishes(chosen, 7) == Wishes(4096, 1024, 3, 8, "q8_0", 12, True, 7)
    assert read_wishes(replace(settings, gpu_layers="0", repack="off")).gpu_layers == 0
    assert (read_wishes(replace(settings, gpu_layers="all")).gpu_layers or 0) > 1000


@pytest.mark.parametrize(
    "change",
    [
        {"kv_type": "q3"}, {"gpu_layers": "some"}, {"gpu_layers": "-1"}, {"repack": "yes"}, {"parallel": 65},
        {"max_input_tokens": 0}, {"back_ends": "/nowhere/at/all"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(settings: Settings, model: Path, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(change))) as caught:
        prepare(replace(settings, **change), model, lambda _: None)
    assert caught.value.hint


def test_the_plan_becomes_options(settings: Settings, model: Path, tmp_path: Path) -> None:
    card = Device("CUDA0", "card", 8 * GIB, 7 * GIB)
    here = Machine(8, Memory(8 * GIB, 6 * GIB), (card,))
    prepared = prepare(replace(settings, back_ends=str(tmp_path)), model, lambda _: here)
    options = prepared.options
    assert (options.model, options.task, options.threads) == (model, "generate", 7)
    assert (options.input_tokens, options.output_tokens) == (410, 102)  # the model was trained on 512
    assert (options.gpu_layers, options.parallel, options.back_ends) == (2, 64, tmp_path)
    assert prepared.plan is not None
    assert options.cells == prepared.plan.cells


def test_a_machine_that_does_not_tell_its_memory_is_not_judged(settings: Settings, model: Path) -> None:
    prepared = prepare(settings, model, lambda _: None)
    assert prepared.plan is None
    assert prepared.options.parallel == 4


def test_no_worker_is_asked_where_no_module_is(settings: Settings, tmp_path: Path) -> None:
    assert find_back_ends(settings) is None
    here = read_machine(replace(settings, back_ends=str(tmp_path)))
    assert here is not None
    assert here.devices == ()


class TestBackEnds:
    """Where modules are looked for."""

    def test_in_edges_home_if_there_is_such_a_folder(self, settings: Settings) -> None:
        (settings.home / BACK_ENDS).mkdir(parents=True)
        assert find_back_ends(settings) == settings.home / "back-ends"
        assert not may_have_gpu(settings)
        (settings.home / BACK_ENDS / "libggml-cuda.so").touch()
        assert may_have_gpu(settings)
        assert not may_have_gpu(replace(settings, gpu_layers="0"))

    def test_the_setting_goes_first(self, settings: Settings, tmp_path: Path) -> None:
        (settings.home / BACK_ENDS).mkdir(parents=True)
        assert find_back_ends(replace(settings, back_ends=str(tmp_path))) == tmp_path

    def test_a_worker_that_uses_no_gpu_loads_none(
        self, settings: Settings, model: Path, tmp_path: Path
    ) -> None:
        here = Machine(8, Memory(8 * GIB, 6 * GIB))
        prepared = prepare(replace(settings, back_ends=str(tmp_path)), model, lambda _: here)
        assert (prepared.options.gpu_layers, prepared.options.back_ends) == (0, None)


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(settings: Settings, model: Path) -> None:
    with pytest.raises(ModelError, match=r"needs .* MB of memory"):
        prepare(settings, model, lambda _: Machine(2, Memory(GIB, 100 << 20)))


@pytest.mark.parametrize("kind", ["f16", "q8_0", "q4_0"])
def test_every_kind_of_cache_runs(settings: Settings, model: Path, kind: str) -> None:
    engine = LlamaEngine.from_settings(replace(settings, kv_type=kind, threads=1, parallel=2), model)
    try:
        assert "".join(engine.stream(make_prompt())) == ANSWER
        facts = engine.read_facts()
    finally:
        engine.close()
    assert facts["parallel"] == 2
    assert facts["gpu_layers"] == 0
    assert facts["buffers_mib"]["CPU KV"] > 0


class TestAnEngineThatDoesNotFit:
    """It is made, says why when it is used, and loads once there is memory."""

    def test_it_says_why_until_there_is_room(
        self, settings: Settings, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        free = [100 << 20]
        monkeypatch.setattr(
            "edge.engine.prepare.read_machine", lambda _settings: Machine(2, Memory(GIB, free[0]))
        )
        engine = LlamaEngine.from_settings(replace(settings, threads=1), model)
        try:
            for _ in range(2):
                with pytest.raises(ModelError, match=r"chain\.gguf needs .* MB of memory"):
                    engine.read_facts()
            free[0] = GIB
            assert "".join(engine.stream(make_prompt())) == ANSWER
            assert engine.read_facts()["parallel"] == 1
        finally:
            engine.close()

    def test_a_damaged_file_says_so(self, settings: Settings, tmp_path: Path) -> None:
        path = tmp_path / "broken.gguf"
        path.write_bytes(b"GGUF")
        engine = LlamaEngine.from_settings(settings, path)
        with pytest.raises(ModelError, match="is damaged"):
            engine.read_facts()
        engine.close()

    def test_a_setting_without_sense_is_told_at_once(self, settings: Settings, model: Path) -> None:
        with pytest.raises(UsageError):
            LlamaEngine.from_settings(replace(settings, kv_type="q3"), model)
