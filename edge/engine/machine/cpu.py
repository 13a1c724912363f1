"""The code that llama.cpp computes with on this processor, as a real worker tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.engine.process.frames import plain
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import worker_command
from edge.engine.process.supervisor import Worker

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


def look() -> Processor:
    """Start a worker without a model and hear what it says.

    Raises:
        EngineError: it does not start; among other reasons, because nothing that this processor can run is there.
    """
    worker = Worker(Path("llama.cpp"), worker_command(WorkerOptions(Path(), "devices")))
    try:
        facts = worker.facts()
    finally:
        worker.close()
    return Processor(
        plain(facts.get("processor", "")), _texts(facts.get("features")), _texts(facts.get("problems"))
    )


def _texts(told: object) -> tuple[str, ...]:
    return tuple(map(plain, told)) if isinstance(told, list) else ()
