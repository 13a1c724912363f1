"""What edge is compared with: plain rank-bm25 with its defaults, over lower-case words without stop words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

import numpy as np
from rank_bm25 import BM25Okapi

from edge.text.words import find_content_words, split_words

Key = TypeVar("Key", bound=Hashable)


class PlainBm25(Generic[Key]):
    """A ranking of texts by their keys (documents, pages, sections)."""

    def __init__(self, texts: Mapping[Key, str]) -> None:
        self._keys = list(texts)
        self._ranker = BM25Okapi([split_words(text) for text in texts.values()])

    def rank(self, question: str, limit: int) -> list[Key]:
        """Return the best keys first."""
        scores = self._ranker.get_scores(find_content_words(question))
        return [self._keys[i] for i in np.argsort(-scores, kind="stable")[:limit]]
