"""The cost of all answers of an engine together."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from edge.engine.interface import Finished


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens of prompts computed and still there from before; tokens written, and runs of the model for them."""

    prefilled: int = 0
    reused: int = 0
    generated: int = 0
    steps: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.prefilled + other.prefilled,
            self.reused + other.reused,
            self.generated + other.generated,
            self.steps + other.steps,
        )


class Totals:
    """Adds up. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.cost = Cost()

    def add(self, finished: Finished) -> Finished:
        """Count one answer, and hand it on."""
        reused = finished.reused_tokens
        cost = Cost(finished.prompt_tokens - reused, reused, finished.tokens, finished.steps)
        with self._lock:
            self.cost += cost
        return finished
