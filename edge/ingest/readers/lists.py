"""Markers of list items and numbered steps, the same for every format that is plain text at heart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_BULLET = re.compile(r"^([•◦▪▫■□●○‣⁃➢➤►▶✓✔·∙–—−*-])\s+(?=\S)")
_NUMBER = re.compile(r"^\(?(\d{1,2}|[a-z])[.)]\s+(?=\S)")
_STEP = re.compile(r"^step\s+(\d{1,2})\s*[:.)–-]?\s+(?=\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Marker:
    """The start of a list item: its kind, its number (0 for a bullet), and the text after it."""

    kind: Literal["item", "step"]
    number: int
    rest: str

    @property
    def lettered(self) -> bool:
        """True if the number was written as a letter (a is 101)."""
        return self.number > 100


def find_marker(text: str) -> Marker | None:
    """Return the list marker at the start of ``text``, if any."""
    if match := _BULLET.match(text):
        return Marker("item", 0, text[match.end() :])
    if match := _STEP.match(text) or _NUMBER.match(text):
        sign = match[1]
        return Marker(
            "step", int(sign) if sign.isdigit() else 101 + ord(sign) - ord("a"), text[match.end() :]
        )
    return None


def format_item(found: Marker) -> str:
    """Return the item with a uniform marker: ``- …``, ``3. …`` or ``b. …``."""
    if found.kind == "item":
        return f"- {found.rest}"
    return f"{chr(ord('a') + found.number - 101) if found.lettered else found.number}. {found.rest}"
