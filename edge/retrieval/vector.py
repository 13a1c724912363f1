"""The vector arm: int8 vectors in sqlite-vec, an inverted file made of its partition key.

Only the cells whose centroids are nearest to the question are read (a pack of few chunks has one cell, so all of it
is). What they return is scored again against the unrounded question, which undoes half of the rounding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
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


def search(scope: Scope, asked: Vectors, limit: int = CANDIDATES) -> dict[int, float]:
    """Chunk id to cosine for about the ``limit`` nearest chunks of a scope.

    Args:
        asked: a unit vector, shape ``(384,)``.
    """
    cells = _nearest_cells(scope.pack, asked)
    where = f"embedding MATCH vec_int8(?) AND k = {limit} AND cell IN ({', '.join(map(str, cells))})"
    if scope.ranges is not None:
        inside = " OR ".join(f"id BETWEEN {low} AND {high}" for low, high in scope.ranges)
        where += f" AND rowid IN (SELECT id FROM chunk WHERE {inside})"
    rows = scope.pack.rows(f"SELECT rowid, embedding FROM vector WHERE {where}", (quantise(asked).tobytes(),))
    cosines = _cosines(b"".join(row[1] for row in rows), asked)
    return {row[0]: float(cosine) for row, cosine in zip(rows, cosines, strict=True)}


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
    if pack not in _centroids:
        rows = pack.rows("SELECT id, centroid FROM cell ORDER BY id")
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(-1, DIMENSIONS)
        _centroids[pack] = [row[0] for row in rows], matrix
    ids, centroids = _centroids[pack]
    probed = max(1, round(len(ids) * PROBED))
    return [ids[i] for i in np.argsort(-(centroids @ asked), kind="stable")[:probed]]
