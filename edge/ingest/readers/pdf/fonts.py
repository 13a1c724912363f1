"""The style of fonts: bold, italic, fixed pitch. Names tell more than flags, and glyph widths more than names."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

_BOLD = re.compile(r"bold|black|heavy|demi|cmbx|cmb\d|sfbx|ecbx|-bd|medi\b", re.IGNORECASE)
_ITALIC = re.compile(r"italic|oblique|slant|cmti|cmsl|-it\b", re.IGNORECASE)
_MONO = re.compile(r"courier|mono|consol|typewriter|menlo|cmtt|sftt|ectt|cmsltt|inconsol", re.IGNORECASE)
_ITALIC_FLAG = 64
_PROBES = "ilmWM.,1aeo"
_NARROW = frozenset("il.,1")


@dataclass(frozen=True, slots=True)
class Font:
    """The properties of a font that layout needs."""

    name: str = ""
    bold: bool = False
    italic: bool = False
    mono: bool = False


class Fonts:
    """The fonts of one document, each classified once."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int, int], Font] = {}
        self._buffer = ctypes.create_string_buffer(96)
        self._flags = ctypes.c_int()

    def find(self, textpage: Any, index: int) -> Font:
        """Return the font of character ``index`` of a PDFium text page."""
        pdfium.FPDFText_GetFontInfo(textpage, index, self._buffer, 96, self._flags)
        key = self._buffer.value, self._flags.value, pdfium.FPDFText_GetFontWeight(textpage, index)
        font = self._known.get(key)
        if font is None:
            font = self._known[key] = _classify(*key, _is_fixed_pitch(textpage, index))
        return font


def _classify(raw_name: bytes, flags: int, weight: int, fixed_pitch: bool | None) -> Font:
    name = raw_name.decode("utf-8", "replace").split("+")[-1]
    return Font(
        name,
        bold=bool(_BOLD.search(name)) or weight >= 600,
        italic=bool(flags & _ITALIC_FLAG or _ITALIC.search(name)),
        mono=bool(_MONO.search(name)) if fixed_pitch is None else fixed_pitch,
    )


def _is_fixed_pitch(textpage: Any, index: int) -> bool | None:
    """Return whether narrow and wide letters have one width; None if the font does not tell."""
    font = pdfium.FPDFTextObj_GetFont(pdfium.FPDFText_GetTextObject(textpage, index))
    width = ctypes.c_float()
    widths: dict[str, float] = {}
    for probe in _PROBES:
        if pdfium.FPDFFont_GetGlyphWidth(font, ord(probe), 10.0, width) and width.value > 0:
            widths[probe] = width.value
    if not _NARROW & widths.keys() or not widths.keys() - _NARROW:
        return None
    return max(widths.values()) - min(widths.values()) <= 0.02 * max(widths.values())
