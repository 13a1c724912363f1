"""Unit vectors as bytes, by one fixed scale, so that a question and the chunks of every pack compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.packs.format import VECTOR_SCALE

Int8Vectors = NDArray[np.int8]


def quantise(vectors: NDArray[np.float32]) -> Int8Vectors:
    """Quantise unit vectors, one a row, to int8."""
    scaled: Int8Vectors = np.clip(np.rint(vectors * np.float32(VECTOR_SCALE)), -127, 127).astype(np.int8)
    return scaled
