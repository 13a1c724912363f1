"""Characters as people type them: undo what typesetting, fonts and word processors put in their place.

Only what is certainly the same character is replaced. Compatibility normalisation (NFKC) would turn ``m²`` into
``m2`` and ``½`` into ``1⁄2``, so the table below is written out.
"""

from __future__ import annotations

import re
import unicodedata

LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ft", "ﬆ": "st"}
SAME_CHARACTER = {
    "\u2126": "Ω",
    "\u212a": "K",
    "\u212b": "Å",
    "\u03bc": "µ",
    "\u2011": "-",  # non-breaking hyphen
    "\u2010": "-",
    "\uff5e": "~",
    "\u0237": "j",
}
# The bullets of the Symbol and Wingdings fonts, which word processors store in the private use area.
SYMBOL_FONTS = {"\uf0b7": "•", "\uf0a7": "▪", "\uf0d8": "➢", "\uf0fc": "✓", "\uf0e0": "→", "\uf06d": "µ",
                "\uf057": "Ω", "\uf0b0": "°", "\uf0b1": "±", "\uf0a3": "≤", "\uf0b3": "≥", "\uf0b4": "×"}  # fmt: skip
SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\ufffe\uffff"
)
SUPERSCRIPTS = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")

_CONTROLS = {code: None for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\t\n\r\x85"}
_TABLE = (
    str.maketrans(
        {
            **LIGATURES,
            **SAME_CHARACTER,
            **SYMBOL_FONTS,
            **dict.fromkeys(SPACES, " "),
            **dict.fromkeys(INVISIBLE),
        }
    )
    | _CONTROLS
)
_UNPRINTABLE = re.compile(r"[\ud800-\udfff\ue000-\uf8ff]")
_BLANKS = re.compile(r"\s+")


def clean(text: str) -> str:
    """Undo ligatures, odd spaces, invisible and unprintable characters; line breaks stay."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub("", text.translate(_TABLE)))


def squeeze(text: str) -> str:
    """Clean text and put it on one line, with single spaces between words."""
    return _BLANKS.sub(" ", clean(text)).strip()
