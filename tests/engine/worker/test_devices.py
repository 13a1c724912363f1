"""Which code for the processor is loaded, and from where: real workers, real modules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from edge.engine.process.options import WorkerOptions
from edge.engine.worker.devices import VARIANTS, list_variants
from tests.engine.worker.modules import compile_module

ALL = tuple(VARIANTS)
WITH_AVX2 = ALL[: ALL.index("piledriver")]

Start = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ALL:
        (tmp_path / f"libggml-cpu-{name}.so").touch()
    (tmp_path / "libggml-cpu-newer.so").touch()
    (tmp_path / "libggml-base.so").touch()
    return tmp_path


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a worker without a model in a folder of one's own; what it says first, and on stderr."""

    def call(libraries: Path | None = None, back_ends: Path | None = None, **variables: str) -> Any:
        options = WorkerOptions(Path(), "devices", back_ends=back_ends)
        if libraries:
            variables |= {"LLAMA_CPP_LIB_PATH": str(libraries), "LD_LIBRARY_PATH": str(libraries)}
        command = [sys.executable, "-P", "-m", "edge.engine.worker", options.to_json()]
        environment = {**os.environ, **variables}
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE
        ) as worker:
            assert worker.stdout is not None
            first = worker.stdout.readline()
            _, complaints = worker.communicate()  # its stdin ends, and so does it
        return json.loads(first), complaints.decode()

    return call


class TestChoice:
    """Which variants are tried, by what is there and what the kernel reports."""

    @pytest.mark.parametrize(
        ("flags", "best"),
        [
            ("fpu sse2", "sse42"),
            ("fpu sse4_2 avx", "alderlake"),
            ("fpu avx avx2 avx512f", "sapphirerapids"),
            ("", "sapphirerapids"),
        ],
    )
    def test_wide_registers_are_used_where_the_kernel_has_them_on(
        self, folder: Path, flags: str, best: str
    ) -> None:
        cpuinfo = folder / "cpuinfo"
        cpuinfo.write_text(f"processor : 0\nflags : {flags}\n" if flags else "")
        assert list_variants(folder, cpuinfo)[0] == best
        assert list_variants(folder, cpuinfo)[-1] == "armv8.0_1"

    def test_without_proc_ggml_decides(self, folder: Path) -> None:
        assert list_variants(folder, folder / "nothing") == ALL

    def test_only_what_is_there(self, folder: Path) -> None:
        for name in ALL[1:]:
            (folder / f"libggml-cpu-{name}.so").unlink()
        assert list_variants(folder, folder / "nothing") == ALL[:1]


def test_a_worker_tells_what_it_computes_with(start: Start) -> None:
    facts = start()[0]["ready"]
    assert facts["processor"] in ("", *ALL)
    assert facts["features"]
    assert not {"OPENMP", "REPACK", "LLAMAFILE"} & set(facts["features"])


class TestIntruders:
    """A module that lies in the working directory, or that the environment names, is not opened."""

    @pytest.fixture
    def intruder(self, tmp_path: Path) -> Path:
        file = compile_module(tmp_path / "libggml-cpu-zen4.so", "loud")
        for name in ("libggml-cpu.so", "libggml-cuda.so", "libggml-blas-best.so", "libggml-cpu-x64.so"):
            shutil.copy(file, tmp_path / name)
        return file

    def test_it_would_be_heard(self, intruder: Path, tmp_path: Path, start: Start) -> None:
        (tmp_path / "named").mkdir()
        shutil.copy(intruder, tmp_path / "named" / "libggml-cuda.so")
        frame, complaints = start(back_ends=tmp_path / "named")
        assert "intruder" in complaints
        assert "libggml-cuda.so" in frame["ready"]["problems"][0]

    def test_it_is_not_loaded(self, intruder: Path, start: Start) -> None:
        frame, complaints = start(GGML_BACKEND_PATH=str(intruder))
        assert frame["ready"]["problems"] == []
        assert "intruder" not in complaints

    def test_nor_are_libraries_of_another_llama_cpp(self, intruder: Path, start: Start) -> None:
        for name in ("libllama.so", "libggml.so", "libggml-base.so", "libgomp.so.1"):
            shutil.copy(intruder, intruder.with_name(name))
        frame, complaints = start(LD_LIBRARY_PATH=str(intruder.parent))
        assert "ready" in frame
        assert "intruder" not in complaints


class TestVariants:
    """With an llama.cpp whose code for the processor is in modules."""

    @pytest.fixture
    def libraries(self, tmp_path: Path) -> Path:
        """A copy of llama.cpp's libraries."""
        source = Path(str(distribution("llama-cpp-python").locate_file("llama_cpp/lib")))
        if not any(source.glob("libggml-cpu-*.so")):
            pytest.skip("one variant is linked into this llama.cpp")
        copy = tmp_path / "lib"
        shutil.copytree(source, copy)
        return copy

    def test_all_are_known_here(self, libraries: Path) -> None:
        assert {path.name for path in libraries.glob("libggml-cpu-*.so")} <= {
            f"libggml-cpu-{name}.so" for name in VARIANTS
        }

    def test_the_best_that_runs_is_taken(self, libraries: Path, start: Start) -> None:
        taken = []
        while any(libraries.glob("libggml-cpu-*.so")) and "ready" in (frame := start(libraries)[0]):
            facts = frame["ready"]
            assert facts["problems"] == []
            assert ("AVX2" in facts["features"]) == (facts["processor"] in WITH_AVX2)
            taken.append(facts["processor"])
            (libraries / f"libggml-cpu-{taken[-1]}.so").unlink()
        assert taken == sorted(taken, key=ALL.index)
        assert taken[-1] in ("x64", "armv8.0_1")

    def test_a_damaged_one_is_told_and_the_next_taken(self, libraries: Path, start: Start) -> None:
        best = start(libraries)[0]["ready"]["processor"]
        (libraries / f"libggml-cpu-{best}.so").write_bytes(b"\x7fELF")
        facts = start(libraries)[0]["ready"]
        assert facts["processor"] not in ("", best)
        assert f"libggml-cpu-{best}.so" in facts["problems"][0]

    def test_none_is_an_error_that_says_what_to_do(
        self, libraries: Path, tmp_path: Path, start: Start
    ) -> None:
        for file in libraries.glob("libggml-cpu-*.so"):
            file.unlink()
        compile_module(tmp_path / "libggml-cpu-x64.so", "loud")  # here llama.cpp would look for itself
        frame, complaints = start(libraries)
        assert frame["error"].endswith("holds no code that this processor can run")
        assert "edge self-test" in frame["hint"]
        assert "intruder" not in complaints


def test_libraries_that_are_gone_are_an_error_that_says_what_to_do(tmp_path: Path, start: Start) -> None:
    (tmp_path / "empty").mkdir()
    frame, _ = start(tmp_path / "empty")
    assert "'llama' not found" in frame["error"]
    assert "edge self-test" in frame["hint"]
