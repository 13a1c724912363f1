"""Hashes and proofs are those of RFC 6962, however long the log is."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest

from edge.audit.merkle import (
    EMPTY_ROOT,
    TILE_BYTES,
    TILE_WIDTH,
    Tree,
    TreeEdge,
    check_consistency,
    check_inclusion,
    hash_leaf,
    list_tiles,
)

LEAVES = [hash_leaf(b"%d" % number) for number in range(1030)]
SIZES = [1, 2, 3, 7, 8, 100, 255, 256, 257, 511, 512, 513, 1030]


@cache
def make_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962, word for word."""
    if end - start == 1:
        return LEAVES[start]
    k = 1
    while k * 2 < end - start:
        k *= 2
    return hashlib.sha256(b"\1" + make_root(start, start + k) + make_root(start + k, end)).digest()


def make_tree(size: int, step: int = 1030) -> Tree:
    """A tree that has grown in steps, read from its tiles."""
    tiles: dict[tuple[int, int], bytes] = {}
    edge = TreeEdge()

    def read_tile(level: int, number: int) -> bytes:
        return tiles.get((level, number), b"")

    for start in range(0, size, step):
        tiles.update(edge.append(LEAVES[start : min(size, start + step)]))
        edge = TreeEdge(edge.size, read_tile)
    assert edge.compute_root() == (make_root(0, size) if size else EMPTY_ROOT)
    return Tree(size, read_tile)


def test_the_hashes_are_those_of_the_test_vectors_of_certificate_transparency() -> None:
    entries = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]  # fmt: skip
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    edge = TreeEdge()
    for entry, root in zip(entries, roots, strict=True):
        edge.append([hash_leaf(bytes.fromhex(entry))])
        assert edge.compute_root().hex() == root
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [33, 100, 1030])
def test_the_root_is_the_same_however_the_tree_has_grown(size: int, step: int) -> None:
    assert make_tree(size, step).compute_root() == make_root(0, size)


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_has_a_proof_that_holds_for_it_alone(size: int) -> None:
    tree, root = make_tree(size), make_root(0, size)
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        proof = tree.prove_inclusion(index)
        assert check_inclusion(LEAVES[index], index, size, proof, root)
        assert not check_inclusion(LEAVES[index], (index + 1) % size, size, proof, root) or size == 1
        assert not check_inclusion(hash_leaf(b"other"), index, size, proof, root)
        assert not check_inclusion(LEAVES[index], index, size, [*proof, root], root)
        assert not check_inclusion(LEAVES[index], index, size, proof[:-1], root) or size == 1
        assert not check_inclusion(LEAVES[index], size, size, proof, root)


@pytest.mark.parametrize("size", SIZES)
def test_every_older_tree_has_a_proof_that_it_was_continued(size: int) -> None:
    tree, root = make_tree(size), make_root(0, size)
    for old in {1, 2, size // 3, size // 2, 256, size - 1, size} & set(range(1, size + 1)):
        proof = tree.prove_consistency(old)
        assert check_consistency(old, make_root(0, old), size, root, proof)
        assert not check_consistency(old, hash_leaf(b"other"), size, root, proof)
        assert not check_consistency(old, make_root(0, old), size, hash_leaf(b"other"), proof)
        assert not check_consistency(old, make_root(0, old), size, root, [*proof, root])
        assert old == size or not check_consistency(old, make_root(0, old), size, root, proof[:-1])


def test_tiles_are_those_of_the_specification() -> None:
    """The example of tlog-tiles: 70,000 leaves."""
    tiles = list(list_tiles(70_000))
    assert sum(level == 0 and width == TILE_WIDTH for level, _, width in tiles) == 273
    assert [each for each in tiles if each[2] != TILE_WIDTH] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert [each for each in tiles if each[0] == 1] == [(1, 0, 256), (1, 1, 17)]


def test_a_cut_tile_is_told() -> None:
    with pytest.raises(ValueError, match="tile 0 of level 0 is cut"):
        Tree(5, lambda level, number: bytes(4 * 32)).compute_root()
    with pytest.raises(ValueError, match="cut"):
        TreeEdge(300, lambda level, number: bytes(TILE_BYTES - 1) if level else b"")
