"""Vectors of a pack: as bytes by one fixed scale, and parted into k-means cells, so that a query scans only some.

Nothing is left to chance, and all sums are exact (those of int8 products stay below 2**24, which float32 holds),
so the same vectors give the same cells on every machine, whatever its BLAS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.packs.format import VECTOR_SCALE
from edge.types import DIMENSIONS

Int8Vectors = NDArray[np.int8]
Cells = NDArray[np.int64]
Vectors = NDArray[np.float32]

FULL_SCAN_CHUNKS = 4_000
"""Below this a scan of everything costs under 6 ms and loses nothing: one cell."""

MAX_CELLS = 256
SAMPLE_PER_CELL = 128
ITERATIONS = 10
LARGEST_OVER_MEAN = 5
BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Partition:
    """The cell of every vector, and the mean of every cell's vectors, the shorter the wider the cell is spread."""

    cells: Cells
    means: Vectors


def quantise(vectors: Vectors) -> Int8Vectors:
    """Quantise unit vectors, one a row, to int8: a question and the chunks of every pack compare."""
    scaled: Int8Vectors = np.clip(np.rint(vectors * np.float32(VECTOR_SCALE)), -127, 127).astype(np.int8)
    return scaled


def partition(vectors: Int8Vectors) -> Partition:
    """Part vectors by spherical k-means into about ``sqrt(n)`` cells, none holding more than five times the mean.

    Args:
        vectors: shape ``(n, 384)``.
    """
    n = len(vectors)
    if n < FULL_SCAN_CHUNKS:
        return Partition(np.zeros(n, np.int64), _compute_means(vectors, np.zeros(n, np.int64), 1))
    k = min(MAX_CELLS, int(n**0.5))
    centroids = _run_kmeans(_spread(vectors, k * SAMPLE_PER_CELL), k)
    cells = _split_large(vectors, _find_nearest(vectors, centroids), LARGEST_OVER_MEAN * n // k)
    return Partition(cells, _compute_means(vectors, cells, int(cells.max()) + 1))


def _spread(vectors: Int8Vectors, count: int) -> Int8Vectors:
    """Pick up to ``count`` of the vectors, evenly spread: neighbours stand in one section and say much the same."""
    return vectors[np.linspace(0, len(vectors) - 1, min(count, len(vectors))).astype(np.int64)]


def _run_kmeans(vectors: Int8Vectors, k: int) -> Int8Vectors:
    centroids = _spread(vectors, k)
    for _ in range(ITERATIONS):
        cells = _find_nearest(vectors, centroids)
        filled = np.unique(cells)
        centroids = _compute_centroids(vectors, np.searchsorted(filled, cells), len(filled))
    return centroids


def _find_nearest(vectors: Int8Vectors, centroids: Int8Vectors) -> Cells:
    """Find the centroid with the largest dot product: cosine, since all have nearly one length."""
    table = centroids.astype(np.float32).T
    blocks = [
        np.argmax(vectors[start : start + BLOCK].astype(np.float32) @ table, axis=1)
        for start in range(0, len(vectors), BLOCK)
    ]
    return np.concatenate(blocks).astype(np.int64)


def _compute_means(vectors: Int8Vectors, cells: Cells, k: int) -> Vectors:
    count = np.maximum(np.bincount(cells, minlength=k), 1)[:, None]
    means: Vectors = (_sum_cells(vectors, cells, k) / count / VECTOR_SCALE).astype(np.float32)
    return means


def _sum_cells(vectors: Int8Vectors, cells: Cells, k: int) -> NDArray[np.int64]:
    sums = np.zeros((k, DIMENSIONS), np.int64)
    for cell in range(k):
        sums[cell] = vectors[cells == cell].sum(axis=0, dtype=np.int64)
    return sums


def _compute_centroids(vectors: Int8Vectors, cells: Cells, k: int) -> Int8Vectors:
    """Compute the direction of each cell's sum, at the length of a quantised unit vector."""
    sums = _sum_cells(vectors, cells, k)
    length = np.sqrt((sums * sums).sum(axis=1).astype(np.float64))
    scaled = sums * (VECTOR_SCALE / np.maximum(length, 1.0))[:, None]
    centroids: Int8Vectors = np.clip(np.rint(scaled), -127, 127).astype(np.int8)
    return centroids


def _split_large(vectors: Int8Vectors, cells: Cells, limit: int) -> Cells:
    """Halve cells that are too large until none is; cells that became empty disappear."""
    pending = [np.flatnonzero(cells == cell) for cell in np.unique(cells)]
    done: list[NDArray[np.intp]] = []
    while pending:
        members = pending.pop()
        if len(members) <= limit:
            done.append(members)
            continue
        halves = _find_nearest(vectors[members], _run_kmeans(vectors[members], 2))
        if halves.min() == halves.max():  # all alike: any cut is as good
            halves = (np.arange(len(members)) >= len(members) // 2).astype(np.int64)
        pending += [members[halves == 0], members[halves == 1]]
    result = np.empty(len(vectors), np.int64)
    for cell, members in enumerate(sorted(done, key=lambda members: int(members[0]))):
        result[members] = cell
    return result
