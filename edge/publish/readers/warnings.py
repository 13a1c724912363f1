"""Safety warnings: the signal words, and how a warning reads once found.

DANGER, WARNING, CAUTION and NOTICE are the signal words of ANSI Z535 and ISO 3864. A note is not a warning.
"""

from __future__ import annotations

import re

_SIGNALS = {
    "danger": "DANGER", "warning": "WARNING", "caution": "CAUTION", "notice": "NOTICE", "attention": "ATTENTION",
    "gefahr": "GEFAHR", "warnung": "WARNUNG", "vorsicht": "VORSICHT", "achtung": "ACHTUNG",
    "avertissement": "AVERTISSEMENT", "mise en garde": "MISE EN GARDE",
    "peligro": "PELIGRO", "advertencia": "ADVERTENCIA", "precaución": "PRECAUCIÓN", "atención": "ATENCIÓN",
    "pericolo": "PERICOLO", "avvertenza": "AVVERTENZA", "attenzione": "ATTENZIONE",
}  # fmt: skip
_NOTES = ("note", "notes", "tip", "hint", "important", "hinweis", "remarque", "nota", "remark")

_WORD = "|".join(sorted(_SIGNALS, key=len, reverse=True))
_SIGN = r"[⚠☠⚡△\ufe0f\s]*"
_OPENING = re.compile(
    rf"^{_SIGN}(?:(?P<word>{_WORD})(?:\s*[:!–—]+\s*|\s+-\s+|\s*$))(?P<rest>.*)$", re.IGNORECASE | re.DOTALL
)
_CAPITALS = re.compile(rf"^{_SIGN}(?P<word>{_WORD.upper()})\s+(?P<rest>\S.*)$", re.DOTALL)
_SYMBOL = re.compile(r"^\s*⚠\ufe0f?\s*(?P<rest>\S.*)$", re.DOTALL)
_SPACED = re.compile(r"^(?:\w ){4,}\w\s*[:!]?$")
_NOTE = re.compile(rf"^(?:{'|'.join(_NOTES)})\s*:?$", re.IGNORECASE)


def split_signal(text: str) -> tuple[str, str] | None:
    """The signal word in capitals and the text that follows it, if ``text`` opens as a safety warning does.

    ``WARNING: …``, ``Warning!``, ``CAUTION Hot surface`` and a leading ⚠ open one; ``Warning lamps are red`` does not.
    """
    text = text.strip()
    if _SPACED.match(text):
        text = text.replace(" ", "")
    if match := _OPENING.match(text) or _CAPITALS.match(text):
        return _SIGNALS[match["word"].lower()], match["rest"].strip()
    if match := _SYMBOL.match(text):
        return "WARNING", match["rest"].strip()
    return None


def is_label(text: str) -> bool:
    """Whether the text is a signal word and nothing else."""
    signal = split_signal(text)
    return signal is not None and not signal[1]


def is_note_label(text: str) -> bool:
    """Whether the text is the label of a note (Note, Tip, Important), which is no safety warning."""
    return bool(_NOTE.match(text.strip()))


def warning_text(signal: str, text: str) -> str:
    """The warning as it is stored: ``WARNING: …``."""
    return f"{signal}: {text}" if text else signal
