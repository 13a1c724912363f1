"""The vector arm: int8 vectors in sqlite-vec, an inverted file made of its partition key.

Only the cells whose centroids are nearest to the question are read (a pack of few chunks has one cell, so all of it
is). What they return is scored again against the unrounded question, which undoes half of the rounding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from edge.engine.interface import Vectors
from edge.packs.format import DIMENSIONS
from edge.packs.pack import Pack
from edge.packs.quantise import quantise
from edge.retrieval.scope import Scope

CANDIDATES = 200
NEAREST = 1 / 16, 64
FURTHER = 0.28, 10
"""Share of the cells that is read, and how many vectors of each: vec0 answers cell by cell, and copying 200 out of each
of 64 cells took three times as long as comparing them. See ``make bench`` for the recall this buys."""

_centroids: WeakKeyDictionary[Pack, tuple[list[int], Vectors]] = WeakKeyDictionary()


def search(scope: Scope, asked: Vectors, limit: int = CANDIDATES) -> dict[int, float]:
    """Chunk id to cosine for about the ``limit`` nearest chunks of a scope.

    Args:
        asked: a unit vector, shape ``(384,)``.
    """
    cells = _nearest_cells(scope.pack, asked)
    near, far = max(1, round(len(cells) * NEAREST[0])), max(2, round(len(cells) * FURTHER[0]))
    rows = _scan(scope, asked, cells[:near], limit if len(cells) == 1 else NEAREST[1])
    rows += _scan(scope, asked, cells[near:far], FURTHER[1])
    cosines = _cosines(b"".join(row[1] for row in rows), asked)
    best = np.argsort(-cosines, kind="stable")[:limit]
    return {rows[i][0]: float(cosines[i]) for i in best}


def _scan(scope: Scope, asked: Vectors, cells: Sequence[int], k: int) -> list[tuple[int, bytes]]:
    """The ``k`` nearest vectors of each cell."""
    if not cells:
        return []
    where = f"embedding MATCH vec_int8(?) AND k = {k} AND cell IN ({', '.join(map(str, cells))})"
    if scope.ranges is not None:
        inside = " OR ".join(f"id BETWEEN {low} AND {high}" for low, high in scope.ranges)
        where += f" AND rowid IN (SELECT id FROM chunk WHERE {inside})"
    sql = f"SELECT rowid, embedding FROM vector WHERE {where}"
    return [(row[0], row[1]) for row in scope.pack.rows(sql, (quantise(asked).tobytes(),))]


def closest_sentences(pack: Pack, chunks: Iterable[int], asked: Vectors) -> dict[int, float]:
    """The cosine of the sentence nearest to the question in each of these chunks."""
    sql = "SELECT chunk, vectors FROM sentence WHERE chunk IN (SELECT value FROM json_each(?)) AND length(vectors) > 0"
    rows = pack.rows(sql, (json.dumps(list(chunks)),))
    if not rows:
        return {}
    lengths = [len(blob) // DIMENSIONS for _, blob in rows]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    best = np.maximum.reduceat(_cosines(b"".join(blob for _, blob in rows), asked), starts)
    return {row[0]: float(cosine) for row, cosine in zip(rows, best, strict=True)}


def _cosines(stored: bytes, asked: Vectors) -> Vectors:
    rows = np.frombuffer(stored, np.int8).reshape(-1, DIMENSIONS).astype(np.float32)
    cosines: Vectors = rows @ asked / np.maximum(np.linalg.norm(rows, axis=1), 1e-9)
    return cosines


def _nearest_cells(pack: Pack, asked: Vectors) -> list[int]:
    """All cells of a pack, nearest first."""
    if pack not in _centroids:
        rows = pack.rows("SELECT id, centroid FROM cell ORDER BY id")
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(-1, DIMENSIONS)
        _centroids[pack] = [row[0] for row in rows], matrix
    ids, centroids = _centroids[pack]
    return [ids[i] for i in np.argsort(-(centroids @ asked), kind="stable")]
