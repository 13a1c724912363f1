"""The outline, page labels and title in a PDF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.pdf.headings import Entry

MAX_ENTRIES = 20_000
_NO_TITLE = re.compile(
    r"untitled|microsoft (word|powerpoint|excel)\b.*|.*\.(docx?|pdf|indd|fm|tex|xlsx?|pptx?|qxp)|", re.I
)


def read_outline(document: Any, tops: Mapping[int, float]) -> list[Entry]:
    """Read the outline entries that point into the document. ``tops`` gives the height of each page.

    A damaged outline is treated as none.
    """
    entries: list[Entry] = []
    try:
        for bookmark in islice(document.get_toc(max_depth=8), MAX_ENTRIES):
            destination = bookmark.get_dest()
            title = squeeze(bookmark.get_title() or "")
            if destination is None or not title or (index := destination.get_index()) is None:
                continue
            entries.append(
                Entry(bookmark.level + 1, title, index + 1, _find_top(destination, tops.get(index + 1)))
            )
    except Exception:  # PDFium binding errors of many kinds; the text is still there
        return entries
    return entries


def _find_top(destination: Any, height: float | None) -> float | None:
    """Return the distance from the top of the page; None when the destination is the page as a whole."""
    _, values = destination.get_view()
    if height is None or len(values) < 2 or values[1] is None:
        return None
    return float(height - values[1])


def read_page_label(document: Any, index: int) -> str | None:
    """Return the label printed on the page, None where it is the position itself."""
    try:
        label = squeeze(document.get_page_label(index) or "")
    except Exception:  # a damaged label tree
        return None
    return label if label and label != str(index + 1) else None


def read_title(document: Any) -> str:
    """Return the title in the document's metadata, unless an office program made it up."""
    try:
        title = squeeze(document.get_metadata_value("Title") or "")
    except Exception:  # damaged metadata
        return ""
    return "" if _NO_TITLE.fullmatch(title) else title
