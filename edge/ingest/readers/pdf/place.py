"""From PDF user space to the page as it is displayed: points from its top left corner, crop box and rotation done."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

Edges = tuple[float, float, float, float]
"""Left, bottom, right, top in user space."""


class Place(NamedTuple):
    """Affine map from PDF user space to the displayed page, and back from its corners to a box."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def map_point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of user space lies on the displayed page."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def map_box(self, edges: Edges) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom on the displayed page."""
        left, bottom, right, top = edges
        x0, y0 = self.map_point(left, bottom)
        x1, y1 = self.map_point(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def find_place(page: Any, width: float, height: float) -> Place:
    """Find the map from user space to the displayed page.

    PDFium knows crop boxes and rotation, so three points are mapped by it.
    """
    fine = 1000
    x, y = ctypes.c_int(), ctypes.c_int()

    def map_to_device(px: float, py: float) -> tuple[float, float]:
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, round(width * fine), round(height * fine), 0, px, py, x, y)
        return x.value / fine, y.value / fine

    (x0, y0), (x1, y1), (x2, y2) = map_to_device(0, 0), map_to_device(100, 0), map_to_device(0, 100)
    return Place((x1 - x0) / 100, (y1 - y0) / 100, (x2 - x0) / 100, (y2 - y0) / 100, x0, y0)
