"""The vector arm: int8 vectors in sqlite-vec, an inverted file made of its partition key.

Only the cells that promise most for the question are read (a pack of few chunks has one cell, so all of it
is). What they return is scored again against the unrounded question, which undoes half of the rounding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from weakref import WeakKeyDictionary

import numpy as np

from edge.engine.interface import Vectors
from edge.packs.pack import Pack
from edge.packs.vectors import quantise
from edge.retrieval.scope import Scope
from edge.types import DIMENSIONS

CANDIDATES = 200
NEAREST = 1 / 16, 32
FURTHER = 0.31, 10
"""Share of the cells that is read, and how many vectors of each: vec0 answers cell by cell, and copying 200 out of each
of 64 cells took three times as long as comparing them. See ``make bench`` for the recall this buys."""

_AMONG = "chunk IN (SELECT value FROM json_each(?))"

Half = tuple[Sequence[int], Sequence[int]]
Rows = list[tuple[int, float]]
Map = Callable[[Callable[[Half], Rows], Iterable[Half]], Iterable[Rows]]
"""``map`` over the two halves of the cells to read: the nearest ones and the further ones of each."""

SPREAD_WEIGHT = 0.3
"""What a cell's width counts beside the closeness of its mean: the best of a wide cell are far from its mean. Reading
a quarter of the cells finds as much with it as 28 % without."""

_cells: WeakKeyDictionary[Pack, _Cells] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of a pack: their ids, the means of their vectors, and how widely these are spread."""

    ids: list[int]
    means: Vectors
    spread: Vectors


@dataclass(frozen=True, slots=True)
class Closeness:
    """Cosines of a chunk to the question: as a whole, and of each of its ``text.units``."""

    whole: float
    units: tuple[float, ...]


def search(scope: Scope, asked: Vectors, limit: int = CANDIDATES, run: Map = map) -> dict[int, float]:
    """Return chunk id to cosine for about the ``limit`` nearest chunks of a scope.

    Args:
        asked: a unit vector, shape ``(384,)``.
        run: as ``map``; that of an executor scans in two threads.
    """
    cells = _choose_cells(scope.pack, asked)
    near, far = max(1, round(len(cells) * NEAREST[0])), max(2, round(len(cells) * FURTHER[0]))
    halves = [(cells[half:near:2], cells[near + half : far : 2]) for half in (0, 1)]
    k = limit if len(cells) == 1 else NEAREST[1]

    def scan(half: Half) -> Rows:
        return _scan(scope, asked, half[0], k) + _scan(scope, asked, half[1], FURTHER[1])

    found = [row for rows in run(scan, halves) for row in rows]
    nearest = [chunk for chunk, _ in nsmallest(limit, found, key=lambda row: row[1])]
    own = f"SELECT chunk, substr(vectors, 1, {DIMENSIONS}) FROM embedding"
    rows = scope.pack.query(f"{own} WHERE {_AMONG}", (json.dumps(nearest),))
    cosines = _compute_cosines(b"".join(row[1] for row in rows), asked)
    return {rows[i][0]: float(cosines[i]) for i in np.argsort(-cosines, kind="stable")}


def _scan(scope: Scope, asked: Vectors, cells: Sequence[int], k: int) -> Rows:
    """Find the ``k`` nearest chunks of each cell with their distance; vectors copied along would cost half as much
    again."""
    if not cells:
        return []
    where = f"embedding MATCH vec_int8(?) AND k = {k} AND cell IN ({', '.join(map(str, cells))})"
    if scope.ranges is not None:
        inside = " OR ".join(f"id BETWEEN {low} AND {high}" for low, high in scope.ranges)
        where += f" AND rowid IN (SELECT id FROM chunk WHERE {inside})"
    sql = f"SELECT rowid, distance FROM vector WHERE {where}"
    return [(row[0], row[1]) for row in scope.pack.query(sql, (quantise(asked).tobytes(),))]


def measure_closeness(pack: Pack, chunks: Iterable[int], asked: Vectors) -> dict[int, Closeness]:
    """Measure how close each of these chunks and its sentences, steps and rows come to the question."""
    rows = pack.query(f"SELECT chunk, vectors FROM embedding WHERE {_AMONG}", (json.dumps(list(chunks)),))
    if not rows:
        return {}
    cosines = _compute_cosines(b"".join(blob for _, blob in rows), asked)
    found: dict[int, Closeness] = {}
    at = 0
    for chunk, blob in rows:
        end = at + len(blob) // DIMENSIONS
        found[chunk] = Closeness(float(cosines[at]), tuple(cosines[at + 1 : end].tolist()))
        at = end
    return found


def _compute_cosines(stored: bytes, asked: Vectors) -> Vectors:
    rows = np.frombuffer(stored, np.int8).reshape(-1, DIMENSIONS).astype(np.float32)
    cosines: Vectors = rows @ asked / np.maximum(np.linalg.norm(rows, axis=1), 1e-9)
    return cosines


def _choose_cells(pack: Pack, asked: Vectors) -> list[int]:
    """Return all cells of a pack, the most promising first."""
    if pack not in _cells:
        rows = pack.query("SELECT id, mean FROM cell ORDER BY id")
        means = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(-1, DIMENSIONS)
        spread = np.sqrt(np.maximum(1 - (means * means).sum(axis=1), 0))
        _cells[pack] = _Cells([row[0] for row in rows], means, spread)
    cells = _cells[pack]
    promise = cells.means @ asked + SPREAD_WEIGHT * cells.spread
    return [cells.ids[i] for i in np.argsort(-promise, kind="stable")]
