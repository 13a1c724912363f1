"""Decides how much of which prompt goes into the next run of the model, and how long a run may take. Pure."""

from __future__ import annotations

from collections.abc import Sequence

STEP_S = 0.5
"""A run while somebody is reading an answer takes so long at most, ..."""

SLOW_STEPS = 8
"""... or so often the time of one without prompts, where that is more."""

ALONE_S = 2.0
"""A run of prompts alone takes so long at most, so that a new request does not wait for long."""

SMALLEST = 48
"""Prompt tokens in a run, at least: fewer take nearly as long."""

FASTER, SLOWER = 0.5, 0.1
"""Weight of the latest run against those before: a slow one says more about other programs than about this one."""

UNMEASURED_ROW = 0.3
"""Cost of one more row relative to a run, until both small and large runs were measured."""


class StepCost:
    """The cost of a run: a part of its own, and a part for every row. Learnt from the runs."""

    def __init__(self) -> None:
        self._small: tuple[float, float] | None = None  # mean rows and seconds of runs without prompts
        self._large: tuple[float, float] | None = None  # of runs with prompts
        self._runs = 0

    def add(self, rows: int, seconds: float, *, prompts: bool) -> None:
        """Add a run of so many rows and its time. The first one does not count: it fetches the weights from disk."""
        self._runs += 1
        if self._runs == 1:
            return
        if prompts and rows >= SMALLEST:
            self._large = _update_mean(self._large, rows, seconds)
        elif not prompts:
            self._small = _update_mean(self._small, rows, seconds)

    @property
    def row_s(self) -> float:
        """Seconds of one more row; 0 when nothing was measured."""
        if self._small and self._large and self._large[0] > 2 * self._small[0]:
            slope = (self._large[1] - self._small[1]) / (self._large[0] - self._small[0])
            return max(slope, 0.01 * self._small[1] / self._small[0])
        if self._large:
            return self._large[1] / self._large[0]
        return UNMEASURED_ROW * self._small[1] / self._small[0] if self._small else 0.0

    def estimate_step_s(self, rows: int) -> float:
        """Estimate the seconds of a run of so many rows; 0 when nothing was measured."""
        if not self._small:
            return self.row_s * rows
        return max(0.0, self._small[1] + self.row_s * (rows - self._small[0]))

    def estimate_row_share(self, rows: int) -> float:
        """Estimate the cost of one more row relative to a run of so many rows.

        At most half: where rows cost nearly as much as runs, a right guess saves little time, but loses none.
        """
        step = self.estimate_step_s(rows)
        return min(0.5, self.row_s / step) if step else UNMEASURED_ROW


def compute_prompt_budget(cost: StepCost, decoding: int, limit: int, *, apart: bool = False) -> int:
    """Compute the prompt tokens that the next run may take.

    Args:
        cost: what runs cost.
        decoding: rows of requests whose answers are being written.
        limit: the rows of a run, at most.
        apart: the answers have a run of their own.
    """
    room = limit - decoding
    if not cost.row_s or room <= 0:
        return max(0, room)
    if decoding:
        alone = cost.estimate_step_s(decoding)
        seconds = max(STEP_S, SLOW_STEPS * alone) - (0.0 if apart else alone)
    else:
        seconds = ALONE_S
    return min(room, max(SMALLEST, int(seconds / cost.row_s)))


def share(remaining: Sequence[int], budget: int) -> list[int]:
    """Share out a run: how many tokens of each prompt to compute next, given how many remain of each, the oldest first.

    Half goes to the oldest, so that nobody waits for ever; the rest to the shortest, so that a short prompt does not
    wait for a long one.
    """
    parts = [0] * len(remaining)
    if not remaining:
        return parts
    parts[0] = min(remaining[0], (budget + 1) // 2)
    left = budget - parts[0]
    for index in sorted(range(len(remaining)), key=lambda index: remaining[index] - parts[index]):
        part = min(remaining[index] - parts[index], left)
        parts[index] += part
        left -= part
    return parts


def _update_mean(before: tuple[float, float] | None, rows: int, seconds: float) -> tuple[float, float]:
    if before is None:
        return rows, seconds
    weight = FASTER if seconds * before[0] < before[1] * rows else SLOWER
    return before[0] + weight * (rows - before[0]), before[1] + weight * (seconds - before[1])
