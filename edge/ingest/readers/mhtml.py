"""MHTML: a web page that a browser saved in one file; its HTML parts are read one after another."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message
from itertools import chain

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.html import read_html
from edge.packs.record import Page

_TYPES = ("text/html", "application/xhtml+xml")
_FRAME_NOTE = re.compile(r"Not read, because it is a page of its own: (?:cid:|$)")


def read_mhtml(name: str, data: bytes) -> SourceDocument:
    """Read the page of an MHTML file, then the pages in its frames.

    Raises:
        DocumentError: there is no page in it.
    """
    parts = [part for part in message_from_bytes(data).walk() if part.get_content_type() in _TYPES]
    pages: list[SourceDocument] = []
    for part in parts:
        try:
            pages.append(read_html(name, _decode(part)))
        except DocumentError:  # a page of frames: those that were saved with it follow
            continue
    if not pages:
        raise DocumentError(
            f"{name} holds no web page.", "Save the page again, as a complete page or as PDF."
        )
    return SourceDocument(
        pages[0].title,
        (Page(1),),
        tuple(chain.from_iterable(page.blocks for page in pages)),
        tuple(dict.fromkeys(note for page in pages for note in page.notes if not _FRAME_NOTE.match(note))),
    )


def _decode(part: Message) -> bytes:
    """Return the bytes of a part, with its encoding stated in the page where only the part states it."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    return f'<meta charset="{charset}">'.encode() + data if charset else data
