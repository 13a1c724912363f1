"""The vector arm: int8 vectors in sqlite-vec, an inverted file made of its partition key.

Only the cells whose centroids are nearest to the question are read (a pack of few chunks has one cell, so all of it
is). What they return is scored again against the unrounded question, which undoes half of the rounding.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from edge.engine.interface import Vectors
from edge.packs.format import DIMENSIONS
from edge.packs.pack import Pack
from edge.packs.quantise import quantise
from edge.retrieval.scope import Scope

CANDIDATES = 200
PROBED = 0.25
"""Share of the cells that is read; see ``make bench`` for the recall it buys."""

_centroids: WeakKeyDictionary[Pack, tuple[list[int], Vectors]] = WeakKeyDictionary()


def search(scope: Scope, question: Vectors, limit: int = CANDIDATES) -> dict[int, float]:
    """Chunk id to cosine for about the ``limit`` nearest chunks of a scope.

    Args:
        question: a unit vector, shape ``(384,)``.
    """
    cells = _nearest_cells(scope.pack, question)
    where = f"embedding MATCH vec_int8(?) AND k = {limit} AND cell IN ({', '.join(map(str, cells))})"
    if scope.ranges is not None:
        inside = " OR ".join(f"id BETWEEN {low} AND {high}" for low, high in scope.ranges)
        where += f" AND rowid IN (SELECT id FROM chunk WHERE {inside})"
    sql = f"SELECT rowid, embedding FROM vector WHERE {where}"
    rows = scope.pack.rows(sql, (quantise(question).tobytes(),))
    if not rows:
        return {}
    stored = (
        np.frombuffer(b"".join(row[1] for row in rows), np.int8).reshape(-1, DIMENSIONS).astype(np.float32)
    )
    cosines = stored @ question / np.maximum(np.linalg.norm(stored, axis=1), 1e-9)
    return {row[0]: float(cosine) for row, cosine in zip(rows, cosines, strict=True)}


def _nearest_cells(pack: Pack, question: Vectors) -> list[int]:
    if pack not in _centroids:
        rows = pack.rows("SELECT id, centroid FROM cell ORDER BY id")
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(-1, DIMENSIONS)
        _centroids[pack] = [row[0] for row in rows], matrix
    ids, centroids = _centroids[pack]
    probed = max(1, round(len(ids) * PROBED))
    return [ids[i] for i in np.argsort(-(centroids @ question), kind="stable")[:probed]]
