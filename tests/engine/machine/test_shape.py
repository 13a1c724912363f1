"""Memory as computed from a header, against what llama.cpp says of the same file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.machine.fit import BATCH, EXTRA_OUTPUTS, EXTRA_SEQUENCES, Wishes, plan
from edge.engine.machine.resources import Machine, Memory
from edge.engine.machine.shape import Shape, read_shape
from edge.errors import ModelError
from edge.models.gguf import Header, Tensor, Value, read_header
from tests.engine.llama_memory import RUNS, ask_llama
from tests.models.shapes import KNOWN, write_shape

MIB = 1 << 20

Told = dict[str, dict[str, dict[str, float]]]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shape]:
    folder = tmp_path_factory.mktemp("shapes")
    return {name: read_shape(read_header(write_shape(folder, known)), name) for name, known in KNOWN.items()}


@pytest.fixture(scope="module")
def told(shapes: dict[str, Shape], tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("told")
    return ask_llama([write_shape(folder, known) for known in KNOWN.values()])


def test_the_worker_asks_for_what_is_planned() -> None:
    source = (Path(__file__).parents[3] / "edge/engine/worker/opening.py").read_text()
    assert f"BATCH = {BATCH}\n" in source
    assert f"IDLE_SEQUENCES = {EXTRA_SEQUENCES}\n" in source
    assert f"GUESS_ROWS = {EXTRA_OUTPUTS}\n" in source


@pytest.mark.parametrize("name", KNOWN)
def test_memory_is_what_llama_says(name: str, shapes: dict[str, Shape], told: Told) -> None:
    shape = shapes[name]
    for cells, requests, kind in RUNS:
        numbers = told[name][f"{cells} {requests} {kind}"]
        kv = shape.size_kv(cells, kind) / MIB
        compute = shape.size_compute(cells, BATCH, requests + EXTRA_OUTPUTS) / MIB
        assert kv == pytest.approx(numbers["kv"], rel=0.001)
        assert 0.99 * numbers["compute"] <= compute <= 1.1 * numbers["compute"], (cells, kind)
        assert shape.size_logits(requests + EXTRA_OUTPUTS) / MIB == pytest.approx(numbers["logits"], rel=0.02)


def test_a_model_without_sizes_is_refused() -> None:
    with pytest.raises(ModelError, match="how large"):
        read_shape(Header({"general.architecture": "llama"}, (), 0), "x.gguf")


def test_layers_may_differ() -> None:
    header = Header(
        {
            "general.architecture": "hybrid", "hybrid.block_count": 2, "hybrid.embedding_length": 64,
            "hybrid.attention.head_count": 4, "hybrid.ssm.inner_size": 128, "hybrid.ssm.state_size": 16,
            "hybrid.ssm.conv_kernel": 4,
        },
        (
            Tensor("token_embd.weight", (64, 100), 10), Tensor("blk.0.a", (1,), 20), Tensor("blk.1.a", (1,), 30),
            Tensor("output.weight", (64, 100), 40),
        ),
        100,
        {"hybrid.attention.head_count_kv": (0, 2)},
    )  # fmt: skip
    shape = read_shape(header, "x.gguf")
    assert shape.keys == shape.values == (0, 32)
    assert (shape.layers, shape.embeddings, shape.output, shape.weights) == ((20, 30), 10, 40, 100)
    assert shape.size_kv(256, "f16", last=1) == shape.size_kv(256, "f16") == 256 * 64 * 2
    assert shape.state == 2 * 4 * (128 * 16 + 3 * 128)
    assert shape.vocabulary == 100


NUMBERS = st.one_of(st.integers(-(2**63), 2**64), st.floats(), st.booleans(), st.text())
KEYS = (
    "block_count", "embedding_length", "context_length", "feed_forward_length", "attention.head_count",
    "attention.head_count_kv", "attention.key_length", "expert_used_count", "ssm.inner_size", "vocab_size",
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(KEYS), NUMBERS),
    st.dictionaries(st.sampled_from(KEYS), st.lists(st.one_of(st.integers(), st.floats())).map(tuple)),
)
def test_whatever_a_header_says_it_is_refused_or_planned(
    values: dict[str, Value], arrays: dict[str, tuple[float, ...]]
) -> None:
    metadata: dict[str, Value] = {"general.architecture": "x"} | {f"x.{k}": v for k, v in values.items()}
    header = Header(metadata, (), 0, {f"x.{key}": each for key, each in arrays.items()})
    with suppress(ModelError):
        shape = read_shape(header, "x.gguf")
        plan("x.gguf", shape, Machine(2, Memory(8 << 30, 6 << 30)), Wishes(4096, 1024))


def test_one_vector_for_keys_and_values() -> None:
    metadata = {
        "block_count": 1,
        "embedding_length": 64,
        "attention.head_count": 4,
        "attention.kv_lora_rank": 512,
    }
    values = {"general.architecture": "mla"} | {f"mla.{k}": v for k, v in metadata.items()}
    shape = read_shape(Header({**values, "mla.rope.dimension_count": 64}, (), 0), "x.gguf")
    assert (shape.keys, shape.values) == ((576,), (0,))
