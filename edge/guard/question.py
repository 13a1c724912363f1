"""What may be asked: text, not empty, not too long."""

from __future__ import annotations

import re

from edge.errors import UsageError

# Control characters but tab and line feed; marks that turn the direction of writing; the byte order mark.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


def admit(text: str, max_bytes: int) -> str:
    """Return the question without invisible characters and outer blanks.

    Raises:
        UsageError: it is empty, longer than ``max_bytes`` in UTF-8, or not Unicode.
    """
    hint = f"Ask in at most {max_bytes:,} bytes; quote only the part that matters."
    if len(text) > max_bytes:
        raise UsageError(f"The question has {len(text):,} characters, which is too long.", hint)
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise UsageError("The question is not valid Unicode.", "Send it in UTF-8.") from error
    if size > max_bytes:
        raise UsageError(f"The question has {size:,} bytes, which is too long.", hint)
    admitted = _UNSEEN.sub(" ", text.replace("\r\n", "\n")).strip()
    if not admitted:
        raise UsageError("The question is empty.", "Ask something about the equipment.")
    return admitted
