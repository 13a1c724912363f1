"""What this process may use of the machine."""

from __future__ import annotations

import os
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")


def physical_cores(topology: Path = TOPOLOGY) -> int:
    """Cores this process may run on; two hardware threads of one core count once."""
    allowed = (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    return len({_siblings(topology, cpu) for cpu in allowed})


def generation_threads() -> int:
    """One core stays free: spinning threads on busy cores cost 90 % of the speed (70 to 7 tokens a second)."""
    return max(1, physical_cores() - 1)


def _siblings(topology: Path, cpu: int) -> str:
    try:
        return (topology / f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return str(cpu)
