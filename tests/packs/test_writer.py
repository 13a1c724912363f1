from __future__ import annotations

import pytest

from edge.packs.writer import boxes_json, embedding_text
from edge.text.words import title_words
from edge.types import Box


def test_the_title_stands_in_front_of_what_is_embedded() -> None:
    assert embedding_text("PX-200", "Faults > Motor", "Too hot.") == "PX-200\nFaults > Motor\nToo hot."
    assert embedding_text("PX-200", "", "Too hot.") == "PX-200\nToo hot."


@pytest.mark.parametrize(
    ("title", "name", "words"),
    [
        ("Service manual", "px200_service-manual.pdf", "Service manual px200"),
        ("Air compressors", "air-compressors.md", "Air compressors"),
        ("Faults", "table/ACME 7.csv", "Faults ACME 7"),
    ],
)
def test_words_of_the_file_name_join_the_title_once(title: str, name: str, words: str) -> None:
    assert title_words(title, name) == words


def test_boxes_are_short() -> None:
    assert boxes_json([Box(3, 0.1, 0.23456, 0.9, 1.0)]) == "[[3,0.1,0.235,0.9,1.0]]"
