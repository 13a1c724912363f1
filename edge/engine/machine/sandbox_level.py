"""The level of the sandbox that workers get on this machine, as a real one tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.engine.process.frames import plain
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import worker_command
from edge.engine.process.supervisor import Worker


@dataclass(frozen=True, slots=True)
class Room:
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


def look(gpu: bool = False) -> Room:
    """Start a worker without a model and hear what it says.

    Args:
        gpu: as one that computes on a GPU.

    Raises:
        EngineError: it does not start.
    """
    options = WorkerOptions(Path(), "devices", gpu_layers=int(gpu))
    worker = Worker(Path("llama.cpp"), worker_command(options))
    try:
        level = worker.facts().get("sandbox")
    finally:
        worker.close()
    if not isinstance(level, dict):
        return Room(0, False, ("the worker does not say how",))
    landlock, reasons = level.get("landlock"), level.get("reasons")
    return Room(
        landlock if type(landlock) is int else 0,
        level.get("seccomp") is True,
        tuple(map(plain, reasons)) if isinstance(reasons, list) else (),
    )
