"""The cores and the free memory that this process may use. Swap never counts as memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOPOLOGY = Path("/sys/devices/system/cpu")
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory that may be used, and that are free; ``limited`` when a control group sets the bound."""

    total: int
    free: int
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU as llama.cpp sees it; ``shared`` when its memory is the machine's own."""

    name: str
    description: str
    total: int
    free: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources that a model can be run with."""

    cores: int
    memory: Memory
    devices: tuple[Device, ...] = ()


def count_cores(topology: Path = TOPOLOGY) -> int:
    """Count the cores this process may run on; two hardware threads of one core count once."""
    allowed = (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    return len({_read_siblings(topology, cpu) for cpu in allowed})


def choose_threads() -> int:
    """Choose threads for generation: one core stays free, since spinning threads on busy cores cost 90 % of the speed
    (70 to 7 tokens a second).
    """
    return max(1, count_cores() - 1)


def read_memory(meminfo: Path = MEMINFO, cgroup: Path = CGROUP, cgroups: Path = CGROUPS) -> Memory | None:
    """Read total and free memory, within the limits of this process's control groups; None when nothing tells."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        total, free = (int(lines[key].split()[0]) * _KIB for key in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError, IndexError):
        return None
    limited = False
    for limit, used in _read_limits(cgroup, cgroups):
        if limit < total:
            total, limited = limit, True
        free = min(free, max(0, limit - used))
    return Memory(total, free, limited)


def read_machine(devices: tuple[Device, ...] = ()) -> Machine | None:
    """Read what this machine has now; None when its memory is not known. Devices are found by a worker."""
    memory = read_memory()
    return Machine(count_cores(), memory, devices) if memory else None


def _read_siblings(topology: Path, cpu: int) -> str:
    try:
        return (topology / f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return str(cpu)


def _read_limits(cgroup: Path, cgroups: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and use of every control group above this process, in version 2 and in version 1."""
    try:
        lines = cgroup.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield from _read_up(cgroups, path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            yield from _read_up(cgroups / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _read_up(root: Path, path: str, limit: str, used: str) -> Iterator[tuple[int, int]]:
    """Yield limit and use of a group and those above it. In a container the path may not exist below its root, whose
    own files then are the container's.
    """
    folder = root / path.strip("/")
    for place in dict.fromkeys((folder, *folder.parents)):
        if place == root or root in place.parents:
            try:
                most = int((place / limit).read_text(encoding="ascii"))
                now = int((place / used).read_text(encoding="ascii"))
            except (OSError, ValueError):  # no such group here, or "max"
                continue
            yield most, max(0, now - _count_evictable(place / "memory.stat"))


def _count_evictable(stat: Path) -> int:
    """Count the bytes of cached files that are given back under pressure: a group counts them as used."""
    try:
        lines = dict(line.split() for line in stat.read_text(encoding="ascii").splitlines())
        keys = ("inactive_file", "active_file")
        return sum(int(lines.get(f"total_{key}", lines.get(key, 0))) for key in keys)
    except (OSError, ValueError):
        return 0
