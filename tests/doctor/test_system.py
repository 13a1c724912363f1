from __future__ import annotations

from pathlib import Path

from edge import doctor
from edge.doctor import system
from edge.engine.machine.probe import Processor, read_processor


def test_sqlite_is_put_to_use() -> None:
    check = system.check_sqlite()
    assert check.status == "ok"
    assert "FTS5" in check.detail


def test_an_old_processor_is_slow() -> None:
    check = system.check_processor(Processor("ivybridge", ("SSE3", "SSSE3", "AVX", "F16C")), "x86_64")
    assert (check.status, check.detail.rpartition("; ")[2]) == ("warn", "ivybridge (AVX, F16C)")
    assert system.check_processor(Processor("x64", ()), "x86_64").status == "warn"
    assert system.check_processor(Processor("haswell", ("AVX", "AVX2")), "x86_64").status == "ok"
    assert system.check_processor(Processor("armv8.2_2", ("NEON",)), "aarch64").status == "ok"


def test_a_damaged_variant_is_told() -> None:
    problem = "failed to load libggml-cpu-zen4.so: file too short"
    check = system.check_processor(Processor("haswell", ("AVX", "AVX2"), (problem,)))
    assert (check.status, check.detail.rpartition("; ")[2]) == ("warn", problem)
    assert "edge self-test" in check.hint


def test_a_real_worker_tells_its_processor() -> None:
    told = read_processor()
    assert told.features
    assert told.problems == ()
    assert told.features[-1] in told.summary


def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    def memory(meminfo: Path) -> doctor.Check:
        return system.check_memory(meminfo, tmp_path / "cgroup", tmp_path)

    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable: 500000 kB\n")
    assert (memory(meminfo).status, memory(meminfo).detail) == ("warn", "0.5 of 8.2 GB free")
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable: 5000000 kB\n")
    assert memory(meminfo).status == "ok"
    assert memory(tmp_path / "none").detail == "size unknown"


def test_a_home_that_cannot_be_written_still_answers() -> None:
    check = system.check_home(Path("/proc/edge"))
    assert check.status == "warn"
    assert "not writable" in check.detail
