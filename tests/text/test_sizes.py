from __future__ import annotations

import pytest

from edge.text.sizes import format_size


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (3_140, "3.1 kB"), (25_279_168, "25.3 MB"), (4.5e9, "4.5 GB")],
)
def test_sizes(count: float, words: str) -> None:
    assert format_size(int(count)) == words
