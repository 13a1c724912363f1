"""Asks a worker without a model about this machine: the code for its processor, its sandbox, its devices.

No other process may load llama.cpp, and a real worker tells what real workers get.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.engine.machine.resources import Device
from edge.engine.process.frames import Frame, clean
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import make_command
from edge.engine.process.supervisor import Worker
from edge.errors import EngineError

_IN_AVX = ("SSE3", "SSSE3")


@dataclass(frozen=True, slots=True)
class Processor:
    """The code that was chosen: ``variant`` is what llama.cpp calls it, such as ``haswell``, empty where there is but
    one; ``features`` are the extensions of the processor that it uses, such as ``AVX2``; ``problems`` say why a better
    one could not be loaded.
    """

    variant: str
    features: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """This in a few words."""
        uses = ", ".join(f for f in self.features if not ("AVX" in self.features and f in _IN_AVX))
        return f"{self.variant or 'the only variant'} ({uses or 'no extensions'})"


@dataclass(frozen=True, slots=True)
class SandboxLevel:
    """The locks on a worker: Landlock (its version, 0 for none) against files, seccomp against system calls.

    ``reasons`` say why something is missing; without any, nothing is.
    """

    landlock: int
    seccomp: bool
    reasons: tuple[str, ...]

    @property
    def summary(self) -> str:
        """This in a few words."""
        locks = [f"Landlock {self.landlock}"] * (self.landlock > 0) + ["seccomp"] * self.seccomp
        held = f"workers are held by {' and '.join(locks)}" if locks else "workers are not held at all"
        return "; ".join([held, *self.reasons])


def read_processor() -> Processor:
    """Read which code for the processor llama.cpp computes with.

    Raises:
        EngineError: the worker does not start; among other reasons, because this processor can run none of the code.
    """
    facts = _read_facts(WorkerOptions(Path(), "devices"))
    return Processor(
        clean(facts.get("processor", "")),
        _clean_texts(facts.get("features")),
        _clean_texts(facts.get("problems")),
    )


def read_sandbox_level(gpu: bool = False) -> SandboxLevel:
    """Read how well workers are locked in.

    Args:
        gpu: as one that computes on a GPU.

    Raises:
        EngineError: the worker does not start.
    """
    level = _read_facts(WorkerOptions(Path(), "devices", gpu_layers=int(gpu))).get("sandbox")
    if not isinstance(level, dict):
        return SandboxLevel(0, False, ("the worker does not say how",))
    landlock = level.get("landlock")
    return SandboxLevel(
        landlock if type(landlock) is int else 0,
        level.get("seccomp") is True,
        _clean_texts(level.get("reasons")),
    )


def read_device_facts(back_ends: Path | None) -> Frame:
    """Read what a worker says about devices, with the back ends of a folder; empty when it cannot be started."""
    try:
        return _read_facts(WorkerOptions(Path(), "devices", gpu_layers=1, back_ends=back_ends))
    except EngineError as error:
        return {"problems": [error.message]}


def parse_gpus(facts: Frame) -> tuple[Device, ...]:
    """Return the GPUs among the devices a worker told of; what it says is checked, as anything from a worker."""
    found = []
    told = facts.get("devices")
    for device in told if isinstance(told, list) else []:
        if isinstance(device, dict) and device.get("gpu") is True:
            name, what = str(device.get("name", "")), str(device.get("description", ""))
            total, free = device.get("total"), device.get("free")
            if isinstance(total, int) and isinstance(free, int) and 0 <= free <= total:
                found.append(Device(name, what, total, free, device.get("shared") is True))
    return tuple(found)


def _read_facts(options: WorkerOptions) -> Frame:
    worker = Worker(Path("llama.cpp"), make_command(options))
    try:
        return worker.read_facts()
    finally:
        worker.close()


def _clean_texts(told: object) -> tuple[str, ...]:
    return tuple(map(clean, told)) if isinstance(told, list) else ()
