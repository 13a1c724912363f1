"""Bytes to text for the formats that are text: byte order mark, declared or guessed encoding."""

from __future__ import annotations

import codecs
import re

MAX_CONTROLS = 0.01
"""Share of characters that no text has. Text garbled by a wrong encoding has none; random bytes have 8 %."""


class NotTextError(ValueError):
    """The bytes are not text in any known encoding."""


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode by byte order mark, then as declared, then as UTF-8, at last as Windows-1252.

    Raises:
        NotTextError: the bytes are no text.
    """
    text = _decode(data, declared)
    if len(_CONTROL.findall(text)) > MAX_CONTROLS * len(text):
        raise NotTextError
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    for encoding in filter(None, (declared, "utf-8")):
        try:
            return data.decode(encoding)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")
