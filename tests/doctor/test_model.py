from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge import doctor
from edge.config import Settings
from edge.doctor import model
from edge.engine.machine.resources import Device, Machine, Memory
from edge.errors import ModelError
from edge.models.store import ModelStore
from tests.doctor.find import find_check

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


def test_a_model_is_looked_at_and_only_loaded_when_asked(settings: Settings) -> None:
    ModelStore(settings).add(TINY)
    assert find_check(settings, "model").detail.startswith("tiny, llama, ")
    assert "writing" not in {check.name for check in doctor.diagnose(settings)}
    deep = find_check(settings, "writing", deep=True)
    assert deep.status == "ok"
    assert deep.detail.startswith("first word after ")


def test_how_a_model_would_be_run_is_told(settings: Settings) -> None:
    here = Machine(4, Memory(8 << 30, 6 << 30), ())
    assert model.check_model(settings, here).detail == "none; answers quote the manuals"
    ModelStore(settings).add(TINY)
    check = model.check_model(settings, here)
    assert check.status == "ok"
    assert "SHA-256 recorded, would answer 16 requests at once with 19,456 tokens of cache: " in check.detail
    assert check.detail.endswith(" of 6.4 GB free")
    assert "SHA-256 right today" in model.check_model(settings, here, deep=True).detail
    card = Device("CUDA0", "card", 8 << 30, 7 << 30)
    on_gpu = model.check_model(settings, replace(here, devices=(card,))).detail
    assert "64 requests" in on_gpu
    assert "5 layers on the GPU" in on_gpu


def test_a_model_that_does_not_fit_fails(settings: Settings) -> None:
    ModelStore(settings).add(TINY)
    with pytest.raises(ModelError, match="of memory"):
        model.check_model(settings, Machine(1, Memory(1 << 30, 1 << 28)))


def test_a_damaged_model_is_found_when_asked_to_look_deeply(settings: Settings) -> None:
    added = ModelStore(settings).add(TINY)
    data = bytearray(TINY.read_bytes())
    data[-1] ^= 1
    added.path.write_bytes(data)
    assert "changed since it came" in find_check(settings, "model").detail
    (check,) = [check for check in doctor.diagnose(settings, deep=True) if check.name == "model"]
    assert (check.status, check.detail.partition(" is ")[2][:7]) == ("fail", "damaged")


def test_a_truncated_model_fails(settings: Settings) -> None:
    added = ModelStore(settings).add(TINY)
    added.path.write_bytes(TINY.read_bytes()[:-1000])
    assert find_check(settings, "model").status == "fail"
