"""Which model is run how on which machine, before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.machine.fit import CPU_PARALLEL, MAX_PARALLEL, SHARE, Plan, Wishes, plan
from edge.engine.machine.resources import Device, Machine, Memory
from edge.engine.machine.shape import Shape, read_shape
from edge.errors import ModelError
from edge.models.gguf import read_header
from tests.models.shapes import KNOWN, write_shape

GIB = 1 << 30
WISHES = Wishes(4096, 1024)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shape]:
    folder = tmp_path_factory.mktemp("shapes")
    return {name: read_shape(read_header(write_shape(folder, known)), name) for name, known in KNOWN.items()}


def machine(gib: float, *devices: Device, cores: int = 4) -> Machine:
    """Return a machine on which the system and a browser take a fifth of the memory."""
    return Machine(cores, Memory(int(gib * GIB), int(gib * GIB * 0.8)), devices)


def card(gib: float) -> Device:
    return Device("CUDA0", "NVIDIA RTX", int(gib * GIB), int(gib * GIB * 0.95))


def jetson(gib: float) -> Machine:
    total = int(gib * GIB)
    return machine(gib, Device("CUDA0", "Orin", total, int(total * 0.8), shared=True), cores=8)


@pytest.mark.parametrize(
    ("gib", "name", "parallel", "kind"),
    [
        (2, "qwen2.5-0.5b", 16, "f16"),
        (4, "qwen2.5-0.5b", 16, "f16"),
        (4, "llama-3.2-1b", 16, "f16"),
        (4, "qwen2.5-3b", 16, "f16"),
        (8, "qwen2.5-3b", 16, "f16"),
        (8, "gemma-3-4b", 16, "f16"),
        (8, "qwen2.5-7b", 16, "f16"),
        (8, "llama-3.1-8b", 4, "f16"),
        (8, "llama-2-7b", 4, "q8_0"),
        (16, "qwen2.5-7b", 16, "f16"),
        (16, "llama-3.1-8b", 16, "f16"),
        (16, "llama-2-7b", 8, "f16"),
        (24, "qwen2.5-7b", 16, "f16"),
        (64, "mixtral-8x7b", 16, "f16"),
        (64, "llama-3.1-70b", 16, "f16"),
    ],
)
def test_what_fits_on_a_processor(
    shapes: dict[str, Shape], gib: float, name: str, parallel: int, kind: str
) -> None:
    chosen = plan(name, shapes[name], machine(gib), WISHES)
    assert (chosen.parallel, chosen.kv_type, chosen.gpu_layers, chosen.threads) == (parallel, kind, 0, 3)
    assert chosen.bytes < gib * GIB * 0.8
    context = chosen.input_tokens + chosen.output_tokens
    assert chosen.cells == context + (parallel - 1) * SHARE


@pytest.mark.parametrize(
    ("gib", "name"),
    [(2, "qwen2.5-3b"), (4, "qwen2.5-7b"), (8, "mixtral-8x7b"), (16, "llama-3.1-70b"), (24, "llama-3.1-70b")],
)
def test_what_does_not_fit_is_refused_with_what_would(
    shapes: dict[str, Shape], gib: float, name: str
) -> None:
    with pytest.raises(
        ModelError,
        match=rf"{name} needs [\d.]+ GB of memory beside [\d.]+ [MG]B for .*, and [\d.]+ [GM]B are free",
    ) as caught:
        plan(name, shapes[name], machine(gib), WISHES)
    assert "a file of up to about" in caught.value.hint
    assert "swap does not" in caught.value.hint


def test_a_shorter_context_that_fits_is_named(shapes: dict[str, Shape]) -> None:
    shape = shapes["llama-2-7b"]
    long = replace(shape, trained=0)
    with pytest.raises(ModelError) as caught:
        plan("m", long, machine(8), Wishes(30_000, 2000))
    assert "It fits with max_input_tokens = " in caught.value.hint
    words = caught.value.hint.split()
    tokens = [int(word.rstrip(".")) for word in words if word.rstrip(".").isdecimal()]
    assert plan("m", long, machine(8), Wishes(tokens[0], tokens[1])).parallel == 1


def test_the_file_that_would_fit_does(shapes: dict[str, Shape]) -> None:
    shape = shapes["qwen2.5-7b"]
    with pytest.raises(ModelError) as caught:
        plan("m", shape, machine(4), WISHES)
    words = caught.value.hint.split("up to about ")[1].split()
    size = float(words[0]) * 10**9
    smaller = replace(shape, layers=(int(size - shape.embeddings - shape.output) // 28,) * 28)
    assert plan("m", smaller, machine(4.1), WISHES).parallel == 1


@pytest.mark.parametrize(
    ("name", "gib", "layers", "parallel", "kind"),
    [
        ("qwen2.5-0.5b", 4, 25, 64, "f16"),
        ("qwen2.5-7b", 8, 29, 32, "f16"),
        ("qwen2.5-7b", 24, 29, 64, "f16"),
        ("llama-3.1-8b", 8, 33, 16, "f16"),
        ("qwen2.5-7b", 4, 22, 4, "f16"),
        ("llama-3.1-70b", 24, 45, 4, "f16"),
        ("llama-3.1-70b", 80, 81, 64, "f16"),
    ],
)
def test_layers_go_to_the_gpu_as_far_as_its_memory_goes(
    shapes: dict[str, Shape], name: str, gib: float, layers: int, parallel: int, kind: str
) -> None:
    chosen = plan(name, shapes[name], machine(64, card(gib)), WISHES)
    assert (chosen.gpu_layers, chosen.parallel, chosen.kv_type) == (layers, parallel, kind)
    assert chosen.device_bytes <= card(gib).free
    assert not chosen.repack


def test_a_tiny_gpu_is_not_used(shapes: dict[str, Shape]) -> None:
    assert plan("m", shapes["qwen2.5-7b"], machine(24, card(0.5)), WISHES).gpu_layers == 0


def test_the_gpu_with_most_free_memory_counts(shapes: dict[str, Shape]) -> None:
    here = machine(64, card(4), card(24), card(8))
    assert plan("m", shapes["qwen2.5-7b"], here, WISHES).gpu_layers == 29


@pytest.mark.parametrize(
    ("gib", "name", "parallel"),
    [(8, "qwen2.5-3b", 64), (8, "qwen2.5-7b", 8), (16, "qwen2.5-7b", 64), (64, "llama-3.1-70b", 16)],
)
def test_one_memory_for_processor_and_gpu_counts_once(
    shapes: dict[str, Shape], gib: float, name: str, parallel: int
) -> None:
    chosen = plan(name, shapes[name], jetson(gib), WISHES)
    assert (chosen.gpu_layers, chosen.parallel) == (len(shapes[name].layers) + 1, parallel)
    assert chosen.device_bytes == 0
    assert chosen.bytes < gib * GIB * 0.8


def test_what_was_asked_for_is_kept(shapes: dict[str, Shape]) -> None:
    wishes = Wishes(4096, 1024, threads=2, parallel=5, kv_type="q4_0", repack=True)
    chosen = plan("m", shapes["qwen2.5-3b"], machine(24), wishes)
    assert (chosen.threads, chosen.parallel, chosen.kv_type, chosen.repack) == (2, 5, "q4_0", True)
    with pytest.raises(ModelError) as caught:
        plan("m", shapes["llama-2-7b"], machine(8), replace(wishes, parallel=64, kv_type="f16"))
    for word in ("parallel = 0", 'kv_type = "auto"', 'repack = "off"'):
        assert word in caught.value.hint


def test_layers_asked_for_beyond_the_device_are_refused(shapes: dict[str, Shape]) -> None:
    with pytest.raises(ModelError, match="of NVIDIA RTX memory"):
        plan("m", shapes["llama-3.1-8b"], machine(64, card(4)), replace(WISHES, gpu_layers=99))


def test_a_model_of_short_context_is_fitted_to(shapes: dict[str, Shape]) -> None:
    chosen = plan("m", replace(shapes["qwen2.5-0.5b"], trained=512), machine(8), WISHES)
    assert (chosen.input_tokens, chosen.output_tokens) == (410, 102)


def test_repacking_is_for_small_models_with_room(shapes: dict[str, Shape]) -> None:
    assert plan("m", shapes["llama-3.2-1b"], machine(16), WISHES).repack
    assert not plan("m", shapes["llama-3.2-1b"], machine(4), WISHES).repack
    assert not plan("m", shapes["qwen2.5-7b"], machine(64), WISHES).repack
    assert not plan("m", shapes["llama-3.2-1b"], machine(16), replace(WISHES, repack=False)).repack


def test_a_control_group_is_told(shapes: dict[str, Shape]) -> None:
    limited = Machine(4, Memory(2 * GIB, GIB, limited=True))
    with pytest.raises(ModelError, match="a control group limits it"):
        plan("m", shapes["qwen2.5-3b"], limited, WISHES)


@given(
    gib=st.floats(0.25, 128), device=st.floats(0, 96), shared=st.booleans(), name=st.sampled_from(sorted(KNOWN)),
    tokens=st.integers(2, 100_000), parallel=st.one_of(st.none(), st.integers(1, 64)),
    layers=st.one_of(st.none(), st.integers(0, 100)),
)  # fmt: skip
def test_every_plan_fits_and_every_refusal_has_a_hint(
    shapes: dict[str, Shape], gib: float, device: float, shared: bool, name: str, tokens: int,
    parallel: int | None, layers: int | None,
) -> None:  # fmt: skip
    total = int(gib * GIB)
    gpu = Device("G", "GPU", total, total // 2, True) if shared else card(device)
    here = machine(gib, gpu) if device else machine(gib)
    wishes = Wishes(tokens - tokens // 4, max(1, tokens // 4), parallel=parallel, gpu_layers=layers)
    chosen = planned(name, shapes[name], here, wishes)
    if isinstance(chosen, ModelError):
        assert chosen.hint
        return
    assert chosen.bytes <= here.memory.free
    assert chosen.device_bytes <= (gpu.free if device else 0)
    assert 1 <= chosen.parallel <= MAX_PARALLEL
    assert chosen.gpu_layers or parallel or chosen.parallel <= CPU_PARALLEL
    assert chosen.cells >= chosen.input_tokens + chosen.output_tokens
    trained = shapes[name].trained
    assert chosen.input_tokens + chosen.output_tokens <= max(trained, 2)
    assert chosen.input_tokens >= 1 <= chosen.output_tokens


def planned(name: str, shape: Shape, here: Machine, wishes: Wishes) -> Plan | ModelError:
    try:
        return plan(name, shape, here, wishes)
    except ModelError as error:
        return error


def test_a_missing_file_is_not_looked_for(tmp_path: Path) -> None:
    """The plan is a pure function: no machine is looked at, no file opened."""
    shape = Shape(0, 64, 128, 100, (64,), (64,), 0, 1, (1000,), 100, 100)
    assert plan("none.gguf", shape, machine(4), WISHES).parallel == CPU_PARALLEL
