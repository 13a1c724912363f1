"""Figures, as a table for people; ``tests.bench.program`` writes them as JSON too."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Figure:
    """A measured value, beside what a peer reached in the same run. ``target`` reads like ``>= 0.57``."""

    name: str
    value: float
    unit: str
    target: str = ""
    peer: float | None = None

    @property
    def ratio(self) -> float | None:
        """Value over the peer's."""
        return self.value / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)


HEADERS = ("NAME", "VALUE", "UNIT", "TARGET", "", "PEER", "RATIO")


def format_table(figures: Iterable[Figure]) -> str:
    """Format aligned columns."""
    rows = [HEADERS, *(_format_row(figure) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, 2) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _format_row(figure: Figure) -> tuple[str, ...]:
    met = {True: "met", False: "MISSED", None: ""}[figure.met]
    return (
        figure.name, _format_number(figure.value), figure.unit, figure.target, met,
        _format_number(figure.peer), _format_number(figure.ratio),
    )  # fmt: skip


def _format_number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def describe_machine() -> str:
    """Describe what the figures were taken on, and how busy it was."""
    one, five, _ = os.getloadavg()
    return f"{platform.machine()}, {os.cpu_count()} cores, load {one:.1f} (1 min) {five:.1f} (5 min)"


def compute_mean(values: Iterable[float]) -> float:
    """Return the mean; 0 of nothing."""
    return fmean(found) if (found := list(values)) else 0.0


def compute_percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
