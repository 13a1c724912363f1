from __future__ import annotations

import numpy as np
import pytest

from edge.packs.format import VECTOR_SCALE
from edge.packs.vectors import FULL_SCAN_CHUNKS, LARGEST_OVER_MEAN, Int8Vectors, partition, quantise


def clustered(n: int, clusters: int, seed: int = 0) -> Int8Vectors:
    """Unit vectors around a few directions, as texts on a few topics have."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, 384))
    vectors = centres[random.integers(0, clusters, n)] + 0.7 * random.standard_normal((n, 384))
    return quantise((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))


def test_quantised_vectors_keep_their_cosine() -> None:
    random = np.random.default_rng(1).standard_normal((50, 384)).astype(np.float32)
    unit = random / np.linalg.norm(random, axis=1, keepdims=True)
    stored = quantise(unit).astype(np.float32) / np.float32(VECTOR_SCALE)
    assert np.allclose(unit @ unit.T, stored @ stored.T, atol=0.01)


def test_components_out_of_range_are_clipped() -> None:
    assert quantise(np.array([[1.0, -1.0, 0.25, 0.0]], np.float32)).tolist() == [[127, -127, 127, 0]]


@pytest.mark.parametrize("n", [1, 2, FULL_SCAN_CHUNKS - 1])
def test_a_small_pack_has_one_cell(n: int) -> None:
    parted = partition(clustered(n, 3))
    assert set(parted.cells.tolist()) == {0}
    assert parted.means.shape == (1, 384)


def test_a_large_pack_has_about_the_square_root_of_its_chunks_in_cells() -> None:
    parted = partition(clustered(FULL_SCAN_CHUNKS, 40))
    assert 40 <= len(parted.means) <= 80
    assert set(parted.cells.tolist()) == set(range(len(parted.means)))


def test_vectors_lie_in_the_cells_of_their_topic() -> None:
    """A quarter of the cells, those nearest to a vector, hold nearly all of its neighbours."""
    vectors = clustered(6000, 60)
    parted = partition(vectors)
    whole = vectors.astype(np.float32)
    found = []
    for question in whole[::200]:
        nearest = np.argsort(-(whole @ question))[:10]
        probed = np.argsort(-(parted.means @ question))[: len(parted.means) // 4]
        found.append(np.isin(parted.cells[nearest], probed).mean())
    assert np.mean(found) > 0.97


@pytest.mark.parametrize("alike", [0, 3000, 5000])
def test_no_cell_is_much_larger_than_the_others(alike: int) -> None:
    """Also when many chunks say exactly the same."""
    vectors = clustered(5000, 30)
    vectors[:alike] = vectors[0]
    parted = partition(vectors)
    sizes = np.bincount(parted.cells)
    assert sizes.min() > 0
    assert sizes.max() <= LARGEST_OVER_MEAN * len(vectors) / 70  # the square root of 5,000


def test_the_same_vectors_give_the_same_cells() -> None:
    one, other = partition(clustered(5000, 30)), partition(clustered(5000, 30))
    assert (one.cells == other.cells).all()
    assert (one.means == other.means).all()
