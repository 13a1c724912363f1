"""From a document to its records, and their lengths when there is no tokenizer to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.errors import DocumentError
from edge.ingest.chunk import CountTokens, chunk
from edge.ingest.document import SourceDocument
from edge.packs.record import Page, Record


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document as read and cut: the title it gives itself (or empty), its pages and records."""

    title: str
    pages: tuple[Page, ...]
    records: tuple[Record, ...]


def cut(name: str, document: SourceDocument, count_tokens: CountTokens) -> CutDocument:
    """Cut a document into records.

    Args:
        count_tokens: what the embedder calls a token.

    Raises:
        DocumentError: it holds no text.
    """
    records = tuple(chunk(document, count_tokens))
    if not records:
        raise DocumentError(
            f"{name} holds no text.", "A scanned document needs text recognition (OCR) first."
        )
    return CutDocument(document.title, document.pages, records)


def approximate_tokens(texts: Sequence[str]) -> list[int]:
    """Four characters a token, and at least one a word: for packs that are searched by words alone."""
    return [max(len(text) // 4, len(text.split())) for text in texts]
