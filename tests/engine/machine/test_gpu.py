"""A GPU that lies idle is found and the missing piece named: over folders made up here, since no GPU is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import Settings
from edge.doctor import device
from edge.engine.llama import LlamaEngine
from edge.engine.machine.gpu import MODULE, Traces, find_gpu_traces, judge
from edge.engine.machine.probe import parse_gpus, read_device_facts
from edge.engine.machine.resources import Device
from edge.engine.prepare import BACK_ENDS, find_back_ends
from edge.models.store import ModelStore
from tests.engine.conftest import ANSWER, make_prompt
from tests.engine.worker.modules import compile_module

CARD = Device("CUDA0", "NVIDIA RTX A2000", 12_000_000_000, 11_000_000_000)
LIBRARIES = ("libcuda.so", "libcublas.so", "libcublasLt.so", "libcudart.so")


def touch(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    """A root folder of a machine where everything is in place."""
    touch(
        tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information",
        "Model: \t\t NVIDIA RTX A2000\nIRQ: 1\n",
    )
    touch(tmp_path / "sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
    touch(tmp_path / "sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n")
    for node in ("nvidia0", "nvidiactl", "nvidia-uvm"):
        touch(tmp_path / "dev" / node)
    for library in LIBRARIES:
        touch(tmp_path / "usr/lib/x86_64-linux-gnu" / f"{library}.13")
    return tmp_path


@pytest.fixture
def jetson(tmp_path: Path) -> Path:
    touch(tmp_path / "etc/nv_tegra_release", "# R36 (release), REVISION: 4.0\n")
    for node in ("nvgpu", "nvmap", "nvhost-gpu"):
        touch(tmp_path / "dev" / node)
    touch(tmp_path / "usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1")
    for library in LIBRARIES[1:]:
        touch(tmp_path / "usr/local/cuda/targets/aarch64-linux/lib" / f"{library}.12")
    return tmp_path


def test_traces_of_a_laptop(laptop: Path) -> None:
    assert find_gpu_traces(laptop) == Traces(
        "NVIDIA RTX A2000", True, False, ("nvidia0", "nvidiactl", "nvidia-uvm"), (), frozenset(LIBRARIES)
    )


def test_traces_of_a_jetson(jetson: Path) -> None:
    traces = find_gpu_traces(jetson)
    assert (traces.name, traces.card, traces.jetson) == ("NVIDIA Jetson", True, True)
    assert traces.libraries == frozenset(LIBRARIES)


def test_no_traces(tmp_path: Path) -> None:
    assert not find_gpu_traces(tmp_path).card
    touch(tmp_path / "sys/bus/pci/devices/0/vendor", "0x8086\n")
    touch(tmp_path / "sys/bus/pci/devices/0/class", "0x030000\n")
    assert not find_gpu_traces(tmp_path).card


def test_a_card_without_any_driver_is_seen_on_the_bus(tmp_path: Path) -> None:
    touch(tmp_path / "sys/bus/pci/devices/0/vendor", "0x10de\n")
    touch(tmp_path / "sys/bus/pci/devices/0/class", "0x030200\n")
    traces = find_gpu_traces(tmp_path)
    assert traces.card
    verdict = judge(traces, (), (), (MODULE,), "auto")
    assert verdict.fails
    assert "its driver is not loaded" in verdict.detail


def test_device_files_may_be_closed(laptop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path).name != "nvidia0")
    assert find_gpu_traces(laptop).closed == ("nvidia0",)


def test_a_gpu_that_runs_is_named(laptop: Path) -> None:
    verdict = judge(find_gpu_traces(laptop), (CARD,), (), (MODULE,), "auto")
    assert (verdict.fails, verdict.detail) == (False, "NVIDIA RTX A2000 (CUDA0), 11.0 of 12.0 GB free")


@pytest.mark.parametrize(
    ("wanted", "detail"), [("auto", "processor; no GPU was found"), ("0", "no GPU was found")]
)
def test_a_machine_without_one_is_in_order(tmp_path: Path, wanted: str, detail: str) -> None:
    verdict = judge(find_gpu_traces(tmp_path), (), (), (), wanted)
    assert not verdict.fails
    assert detail in verdict.detail


def test_one_may_be_left_idle_on_purpose(laptop: Path) -> None:
    assert not judge(find_gpu_traces(laptop), (), (), (), "0").fails
    assert "switched off" in judge(find_gpu_traces(laptop), (CARD,), (), (MODULE,), "0").detail


@pytest.mark.parametrize(
    ("taken", "problem", "modules", "missing", "hint"),
    [
        ("proc sys dev", "", (MODULE,), "no NVIDIA GPU was found", "lspci"),
        ("dev", "", (MODULE,), "driver is not loaded", "pass the GPU in"),
        ("libcuda.so", "", (MODULE,), "libcuda.so.1 was not found", "user part"),
        ("", "", (), f"the back end {MODULE} is not there", "build/cuda.py"),
        ("libcublas.so", "", (MODULE,), "libcublas.so was not found", "cuBLAS"),
        (
            "",
            "failed to load x: libcublasLt.so.13: cannot open",
            (MODULE,),
            "libcublasLt.so was not found",
            "cuBLAS",
        ),
        (
            "",
            "incompatible API version (backend: 1, current: 2)",
            (MODULE,),
            "incompatible API",
            "llama.cpp that edge",
        ),
        (
            "",
            "ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version",
            (MODULE,),
            "driver is older",
            "Update",
        ),
        ("", "", (MODULE,), "found no device", "nvidia-smi"),
    ],
)
def test_the_missing_piece_is_named(
    laptop: Path, taken: str, problem: str, modules: tuple[str, ...], missing: str, hint: str
) -> None:
    for word in taken.split():
        if word.startswith("lib"):
            next((laptop / "usr/lib/x86_64-linux-gnu").glob(f"{word}.*")).unlink()
        else:
            (laptop / word).rename(laptop / f"no-{word}")
    problems = (problem,) if problem else ()
    verdict = judge(find_gpu_traces(laptop), (), problems, modules, "all")
    assert verdict.fails
    assert missing in verdict.detail
    assert hint in verdict.hint


class TestDoctor:
    """The same through the check, with a real worker that finds a processor only."""

    def test_an_idle_gpu_fails_once_there_is_a_model(self, laptop: Path, model: Path) -> None:
        settings = Settings(home=laptop / "home")
        assert device.check_device(settings, device.Findings(), laptop).status == "warn"
        ModelStore(settings).add(model)
        check = device.check_device(settings, device.Findings(), laptop)
        assert check.status == "fail"
        assert "processor only, though there is an NVIDIA RTX A2000" in check.detail
        assert MODULE in check.detail

    def test_a_module_that_cannot_be_loaded_is_named(self, laptop: Path, model: Path, tmp_path: Path) -> None:
        touch(tmp_path / "modules" / MODULE, "no library")
        settings = Settings(home=laptop / "home", back_ends=str(tmp_path / "modules"), gpu_layers="all")
        check = device.check_device(settings, device.Findings(), laptop)
        assert check.status == "fail"
        assert "failed to load" in check.detail

    def test_a_module_in_edges_home_is_picked_up(self, laptop: Path) -> None:
        settings = Settings(home=laptop / "home")
        compile_module(settings.home / BACK_ENDS / MODULE, "card")
        found = device.Findings()
        check = device.check_device(settings, found, laptop)
        assert (check.status, check.detail) == ("ok", "Stand-in card (CUDA0), 7.0 of 8.0 GB free")
        assert found.devices == (Device("CUDA0", "Stand-in card", 8_000_000_000, 7_000_000_000),)

    def test_a_library_that_it_needs_is_named(self, laptop: Path) -> None:
        settings = Settings(home=laptop / "home")
        compile_module(settings.home / BACK_ENDS / MODULE, "card", needs="libcublas.so.99")
        check = device.check_device(settings, device.Findings(), laptop)
        assert (check.status, check.detail.rpartition(": ")[2]) == ("warn", "libcublas.so was not found")
        assert "cuBLAS" in check.hint

    def test_none_is_in_order(self, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path / "home")
        assert device.check_device(settings, device.Findings(), tmp_path).status == "ok"

    def test_a_worker_tells_its_devices(self, tmp_path: Path) -> None:
        facts = read_device_facts(find_back_ends(Settings(home=tmp_path)))
        assert [told["gpu"] for told in facts["devices"]] == [False]
        assert facts["problems"] == []
        assert parse_gpus(facts) == ()


@pytest.mark.parametrize("kind", ["deadly", "loud"])
def test_with_a_module_that_fails_the_processor_answers(tmp_path: Path, model: Path, kind: str) -> None:
    settings = Settings(home=tmp_path / "home", threads=1)
    compile_module(settings.home / BACK_ENDS / MODULE, kind)
    engine = LlamaEngine.from_settings(settings, model)
    try:
        assert "".join(engine.stream(make_prompt())) == ANSWER
    finally:
        engine.close()
    assert read_device_facts(find_back_ends(settings))["problems"]


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        [1],
        [{"gpu": 1}],
        [{"gpu": True, "total": "x", "free": 1}],
        [{"gpu": True, "total": 1, "free": 2}],
    ],
)
def test_what_a_worker_tells_is_not_believed_blindly(told: object) -> None:
    assert parse_gpus({"devices": told}) == ()


def test_a_device_is_read() -> None:
    told = {"name": "CUDA0", "description": "Orin", "gpu": True, "shared": True, "total": 8, "free": 4}
    assert parse_gpus({"devices": [told]}) == (Device("CUDA0", "Orin", 8, 4, shared=True),)
