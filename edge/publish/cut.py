"""The map of a build: the bytes of one document become pages and records. Nothing else is looked at, so it
can run anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.errors import DocumentError
from edge.publish.document import Page, Record

CountTokens = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document as read and cut: the title it gives itself (or empty), its pages and records."""

    title: str
    pages: tuple[Page, ...]
    records: tuple[Record, ...]


Cut = Callable[[str, bytes, CountTokens], CutDocument]


def cut(name: str, data: bytes, count_tokens: CountTokens) -> CutDocument:
    """Read a document and cut it into records.

    Args:
        name: the file's name; its suffix says the format.
        data: the file.
        count_tokens: what the embedder calls a token.

    Raises:
        DocumentError: it is broken, encrypted, or holds no text.
    """
    from edge.publish.chunk import chunk
    from edge.publish.readers import read

    try:
        document = read(name, data)
        records = tuple(chunk(document, count_tokens))
    except DocumentError:
        raise
    except (
        ArithmeticError,
        LookupError,
        MemoryError,
        RecursionError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        # A library met what nobody foresaw. One document must not end the build of a thousand.
        raise DocumentError(
            f"{name} made its reader fail: {error!r}.", "Leave it out and report it."
        ) from error
    if not records:
        raise DocumentError(
            f"{name} holds no text.", "A scanned document needs text recognition (OCR) first."
        )
    return CutDocument(document.title, document.pages, records)


def approximate_tokens(texts: Sequence[str]) -> list[int]:
    """How long texts are when there is no tokenizer to ask: four characters a token, and at least one a
    word."""
    return [max(len(text) // 4, len(text.split())) for text in texts]
