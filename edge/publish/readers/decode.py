"""Bytes to text for the formats that are text: byte order mark, declared or guessed encoding."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode by byte order mark, then as declared, then as UTF-8, at last as Windows-1252. Never fails."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _newlines(data.decode(encoding, "replace"))
    for encoding in filter(None, (declared, "utf-8")):
        try:
            return _newlines(data.decode(encoding))
        except (LookupError, UnicodeError, ValueError):
            continue
    return _newlines(data.decode("cp1252", "replace"))


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
