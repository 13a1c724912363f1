"""How many threads make sense."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.engine.machine.resources import Memory, choose_threads, count_cores, read_machine, read_memory


@pytest.fixture
def topology(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four cores with two hardware threads each; this process may use three of the cores."""
    for cpu in range(8):
        folder = tmp_path / f"cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 4, 5, 6})
    return tmp_path


def test_hardware_threads_of_a_core_count_once(topology: Path) -> None:
    assert count_cores(topology) == 3


def test_without_topology_every_processor_is_a_core(topology: Path) -> None:
    assert count_cores(topology / "missing") == 6


def test_one_core_stays_free_and_one_thread_remains() -> None:
    assert choose_threads() == max(1, count_cores() - 1)


MEMINFO = "MemTotal: 8000000 kB\nMemFree: 100 kB\nMemAvailable: 6000000 kB\nSwapFree: 9000000 kB\n"


class TestMemory:
    """Free memory, within the limits of control groups. Swap does not count."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "meminfo").write_text(MEMINFO)
        return tmp_path

    def read(self, root: Path, groups: str = "") -> Memory | None:
        (root / "cgroup").write_text(groups)
        return read_memory(root / "meminfo", root / "cgroup", root / "fs")

    def group(self, folder: Path, **files: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("memory_", "memory.")).write_text(text)

    def test_without_groups(self, root: Path) -> None:
        assert self.read(root) == Memory(8_192_000_000, 6_144_000_000)

    def test_a_limit_counts_and_cached_files_do_not(self, root: Path) -> None:
        stat = "anon 100\ninactive_file 200000000\nactive_file 100000000\n"
        self.group(root / "fs/a/b", memory_max="2000000000", memory_current="900000000", memory_stat=stat)
        self.group(root / "fs/a", memory_max="max", memory_current="1")
        assert self.read(root, "0::/a/b\n") == Memory(2_000_000_000, 1_400_000_000, limited=True)

    def test_the_narrowest_group_above_counts(self, root: Path) -> None:
        self.group(root / "fs/a/b", memory_max="3000000000", memory_current="0")
        self.group(root / "fs/a", memory_max="4000000000", memory_current="3500000000")
        assert self.read(root, "0::/a/b\n") == Memory(3_000_000_000, 500_000_000, limited=True)

    def test_in_a_container_the_root_is_its_group(self, root: Path) -> None:
        self.group(root / "fs", memory_max="1000000000", memory_current="0")
        assert self.read(root, "0::/somewhere/else\n") == Memory(1_000_000_000, 1_000_000_000, limited=True)

    def test_version_1(self, root: Path) -> None:
        self.group(
            root / "fs/memory/x", memory_limit_in_bytes="1000000000", memory_usage_in_bytes="600000000",
            memory_stat="total_inactive_file 100000000\ninactive_file 1\n",
        )  # fmt: skip
        lines = "5:cpu,cpuacct:/x\n4:memory:/x\n"
        assert self.read(root, lines) == Memory(1_000_000_000, 500_000_000, limited=True)

    def test_a_limit_beyond_the_machine_is_none(self, root: Path) -> None:
        self.group(root / "fs/a", memory_max="9223372036854771712", memory_current="1000")
        assert self.read(root, "0::/a\n") == Memory(8_192_000_000, 6_144_000_000)

    @pytest.mark.parametrize(
        "text", ["", "MemTotal: x kB\nMemAvailable: 1 kB\n", "MemTotal:\nMemAvailable:\n"]
    )
    def test_unknown(self, root: Path, text: str) -> None:
        (root / "meminfo").write_text(text)
        assert self.read(root) is None

    def test_this_machine(self) -> None:
        here = read_machine()
        assert here is not None
        assert 0 < here.memory.free <= here.memory.total
        assert here.cores == count_cores()
