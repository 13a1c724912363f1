"""The picture of a page: its ink, how far it is tilted, and the rules drawn on it."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians, tan

import numpy as np
import numpy.typing as npt

from edge.ingest.readers.pdf.drawings import Rule

Ink = npt.NDArray[np.bool_]
"""True where a picture is dark, shape ``(height, width)``."""

MAX_TILT = 5.0
"""Degrees that a page lies askew at most; beyond that it was laid on the glass sideways."""
SAMPLE = 40_000
"""Dark pixels that the tilt is measured with."""
MAX_THICKNESS = 3.0
MIN_ACROSS, MIN_DOWN = 30.0, 16.0
"""Points: the thickest rule, and the shortest ones; shorter strokes are parts of letters."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a picture in pixels, and what belongs to their strokes."""

    found: list[Rule]
    ink: Ink


def find_ink(gray: npt.NDArray[np.uint8]) -> Ink:
    """Tell ink from paper by the brightness that parts the two best (Otsu's method)."""
    counts = np.bincount(gray.ravel(), minlength=256).astype(float)
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    level = int(np.argmax(np.nan_to_num(between[:-1])))
    return gray <= level


def find_tilt(ink: Ink) -> float:
    """Return by how many degrees to turn a picture counter-clockwise so that its lines of text lie level."""
    down, across = np.nonzero(ink)
    if len(down) < 100:
        return 0.0
    chosen = np.random.default_rng(0).choice(len(down), min(SAMPLE, len(down)), replace=False)
    x, y = across[chosen].astype(float), down[chosen].astype(float)
    height = ink.shape[0]

    def measure(angle: float) -> float:
        rows = (y - tan(radians(angle)) * (x - ink.shape[1] / 2)).astype(int)
        counts = np.bincount(np.clip(rows, 0, height - 1), minlength=height).astype(float)
        return float(np.square(np.diff(counts)).sum())

    best = 0.0
    for reach, step in ((MAX_TILT, 0.5), (0.5, 0.1), (0.1, 0.02)):
        angles = best + np.arange(-reach, reach + step / 2, step)
        best = float(angles[int(np.argmax([measure(angle) for angle in angles]))])
    return best if abs(best) >= 0.04 else 0.0


def find_rules(ink: Ink, dpi: float) -> Rules:
    """Find the straight thin lines of an upright picture."""
    point = dpi / 72
    thickness = max(2, round(MAX_THICKNESS * point))
    across = _find_thin_runs(ink, round(MIN_ACROSS * point), thickness)
    down = _find_thin_runs(ink.T, round(MIN_DOWN * point), thickness).T
    rules = [
        *(Rule(left, top, right, bottom) for top, bottom, left, right in _join_runs(across, thickness)),
        *(Rule(left, top, right, bottom) for left, right, top, bottom in _join_runs(down.T, thickness)),
    ]
    return Rules(rules, _widen(across, 1) | _widen(down.T, 1).T)


def _find_thin_runs(ink: Ink, length: int, thickness: int) -> Ink:
    """Return what lies in long dark runs along rows, and in no dark area thicker than a rule."""
    bridged = _widen(ink, 1)
    return _find_runs(bridged, length) & ~_find_runs(bridged.T, thickness + 2).T


def _widen(ink: Ink, pixels: int) -> Ink:
    """Return ink with the pixels above and below it."""
    wide = ink.copy()
    for shift in range(1, pixels + 1):
        wide[shift:] |= ink[:-shift]
        wide[:-shift] |= ink[shift:]
    return wide


def _find_runs(ink: Ink, length: int) -> Ink:
    """Return the pixels that lie in a dark run of at least ``length`` pixels along their row; small gaps count."""
    if length >= ink.shape[1]:
        return np.zeros_like(ink)
    sums = np.cumsum(np.pad(ink, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    starts = sums[:, length:] - sums[:, :-length] >= 0.93 * length
    ends = np.zeros((ink.shape[0], ink.shape[1] + 1), np.int16)
    ends[:, : starts.shape[1]] += starts
    ends[:, length:] -= starts
    return np.cumsum(ends[:, :-1], axis=1, dtype=np.int16) > 0


def _join_runs(runs: Ink, thickness: int) -> list[tuple[int, int, int, int]]:
    """Join runs of neighbouring rows; return first and last row, first and last column of each."""
    edges = np.diff(np.pad(runs, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, stops = np.nonzero(edges == -1)
    joined: list[list[int]] = []
    for row, start, stop in zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True):
        for run in reversed(joined[-200:]):
            touches = row - run[1] <= 2 and start <= run[3] + thickness and stop >= run[2] - thickness
            if touches:
                run[1], run[2], run[3] = row + 1, min(run[2], start), max(run[3], stop)
                break
        else:
            joined.append([row, row + 1, start, stop])
    return [
        (top, bottom, left, right) for top, bottom, left, right in joined if bottom - top <= 3 * thickness
    ]
