from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import StorageError
from edge.packs.writer import encode_boxes, make_embedding_text
from edge.text.words import make_title_words
from edge.types import Box
from tests.faults import limit_file_size


def test_the_title_stands_in_front_of_what_is_embedded() -> None:
    assert make_embedding_text("PX-200", "Faults > Motor", "Too hot.") == "PX-200\nFaults > Motor\nToo hot."
    assert make_embedding_text("PX-200", "", "Too hot.") == "PX-200\nToo hot."


@pytest.mark.parametrize(
    ("title", "name", "words"),
    [
        ("Service manual", "px200_service-manual.pdf", "Service manual px200"),
        ("Air compressors", "air-compressors.md", "Air compressors"),
        ("Faults", "table/ACME 7.csv", "Faults ACME 7"),
    ],
)
def test_words_of_the_file_name_join_the_title_once(title: str, name: str, words: str) -> None:
    assert make_title_words(title, name) == words


def test_boxes_are_short() -> None:
    assert encode_boxes([Box(3, 0.1, 0.23456, 0.9, 1.0)]) == "[[3,0.1,0.235,0.9,1.0]]"


def test_a_disk_that_fills_up_half_way_is_told(make_pack: Callable[..., Path]) -> None:
    """More than SQLite keeps in memory, so that the failing write is not the last one."""
    chance = random.Random(1)
    texts = {"long.md": [chance.randbytes(2_000).hex() for _ in range(1_000)]}
    with limit_file_size(1_000_000), pytest.raises(StorageError):
        make_pack(texts=texts)
