"""How many threads make sense."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.engine.machine import generation_threads, physical_cores


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
    assert physical_cores(topology) == 3


def test_without_topology_every_processor_is_a_core(topology: Path) -> None:
    assert physical_cores(topology / "missing") == 6


def test_one_core_stays_free_and_one_thread_remains() -> None:
    assert generation_threads() == max(1, physical_cores() - 1)
