"""A maker of small PDFs: text at a place, rules, images, outline and page labels, written by hand."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import pytest

FONTS = {
    "Helvetica": "F1",
    "Helvetica-Bold": "F2",
    "Times-Roman": "F3",
    "Courier": "F4",
    "Helvetica-Oblique": "F5",
}


@dataclass
class PdfPage:
    """One page; ``top`` is measured in points from the upper edge."""

    width: float = 595
    height: float = 842
    rotate: int = 0
    crop: tuple[float, float, float, float] | None = None
    commands: list[str] = field(default_factory=list)
    has_image: bool = False

    def add_text(
        self, left: float, top: float, text: str, size: float = 10, font: str = "Helvetica"
    ) -> PdfPage:
        shown = text.encode("cp1252").hex()
        place = f"1 0 0 1 {left} {self.height - top}"
        self.commands.append(f"BT /{FONTS[font]} {size} Tf {place} Tm <{shown}> Tj ET")
        return self

    def add_sideways(self, left: float, top: float, text: str, size: float = 10) -> PdfPage:
        """Add text that runs upwards."""
        place = f"0 1 -1 0 {left} {self.height - top}"
        self.commands.append(f"BT /F1 {size} Tf {place} Tm <{text.encode('cp1252').hex()}> Tj ET")
        return self

    def add_lines(self, left: float, top: float, text: str, leading: float = 12, **style: object) -> float:
        """Add several lines; return where the next one would stand."""
        for line in text.strip("\n").split("\n"):
            self.add_text(left, top, line, **style)  # type: ignore[arg-type]
            top += leading
        return top

    def add_rule(self, left: float, top: float, width: float, height: float) -> PdfPage:
        self.commands.append(f"{left} {self.height - top - height} {width} {height} re f")
        return self

    def add_image(self) -> PdfPage:
        self.has_image = True
        self.commands.append(f"q {self.width} 0 0 {self.height} 0 0 cm /Im Do Q")
        return self


@dataclass
class PdfMaker:
    """Collects pages; ``to_bytes()`` is the file."""

    title: str = ""
    pages: list[PdfPage] = field(default_factory=list)
    outline: list[tuple[int, str, int, float]] = field(default_factory=list)
    labels: str = ""
    locked: bool = False

    def add_page(self, **options: object) -> PdfPage:
        self.pages.append(PdfPage(**options))  # type: ignore[arg-type]
        return self.pages[-1]

    def add_heading(self, level: int, title: str, page: int, top: float) -> None:
        """Add an outline entry pointing to a place on the 1-based page."""
        self.outline.append((level, title, page, top))

    def to_bytes(self) -> bytes:
        objects: list[bytes] = [b""]  # number 1 is the catalogue, written last

        def add(body: str | bytes) -> int:
            objects.append(body.encode("latin-1") if isinstance(body, str) else body)
            return len(objects)

        fonts = " ".join(
            f"/{key} {add(f'<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>')} 0 R"
            for name, key in FONTS.items()
        )
        pixel = add(_make_stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray"
                            " /BitsPerComponent 8", b"\x80"))  # fmt: skip
        resources = f"<< /Font << {fonts} >> /XObject << /Im {pixel} 0 R >> >>"
        tree = len(objects) + 2 * len(self.pages) + 1
        kids = []
        for page in self.pages:
            content = add(_make_stream("", "\n".join(page.commands).encode("latin-1")))
            crop = f"/CropBox [{' '.join(map(str, page.crop))}]" if page.crop else ""
            kids.append(add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {page.width} {page.height}] {crop}"
                f" /Rotate {page.rotate} /Resources {resources} /Contents {content} 0 R >>"
            ))  # fmt: skip
        add(f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>")
        catalogue = f"/Type /Catalog /Pages {tree} 0 R"
        if self.outline:
            catalogue += f" /Outlines {self._write_outline(objects, kids)} 0 R"
        if self.labels:
            catalogue += f" /PageLabels << /Nums [{self.labels}] >>"
        objects[0] = f"<< {catalogue} >>".encode("latin-1")
        trailer = f"/Info {add(f'<< /Title ({self.title}) >>')} 0 R" if self.title else ""
        if self.locked:
            secret = "00" * 32
            lock = add(f"<< /Filter /Standard /V 1 /R 2 /O <{secret}> /U <{secret}> /P -4 >>")
            trailer += f" /Encrypt {lock} 0 R /ID [<00> <00>]"
        return _join_objects(objects, trailer)

    def _write_outline(self, objects: list[bytes], kids: list[int]) -> int:
        """Write a nested outline from entries in reading order; return the number of its root object."""
        root = len(objects) + 1
        numbers = [root + 1 + i for i in range(len(self.outline))]
        levels = [entry[0] for entry in self.outline]
        parents = [
            next((numbers[i] for i in reversed(range(index)) if levels[i] < level), root)
            for index, level in enumerate(levels)
        ]

        def write_children(parent: int) -> list[int]:
            return [n for n, p in zip(numbers, parents, strict=True) if p == parent]

        def link_family(parent: int) -> str:
            inner = write_children(parent)
            return f"/First {inner[0]} 0 R /Last {inner[-1]} 0 R /Count {len(inner)}" if inner else ""

        objects.append(f"<< /Type /Outlines {link_family(root)} >>".encode())
        for number, parent, (_, title, page, top) in zip(numbers, parents, self.outline, strict=True):
            siblings = write_children(parent)
            here = siblings.index(number)
            body = (
                f"/Title <feff{title.encode('utf-16-be').hex()}> /Parent {parent} 0 R {link_family(number)}"
            )
            body += f" /Dest [{kids[page - 1]} 0 R /XYZ 0 {self.pages[page - 1].height - top} 0]"
            body += f" /Next {siblings[here + 1]} 0 R" if here + 1 < len(siblings) else ""
            body += f" /Prev {siblings[here - 1]} 0 R" if here else ""
            objects.append(f"<< {body} >>".encode())
        return root


def _make_stream(entries: str, data: bytes) -> bytes:
    packed = zlib.compress(data)
    head = f"<< {entries} /Filter /FlateDecode /Length {len(packed)} >>\nstream\n".encode()
    return head + packed + b"\nendstream"


def _join_objects(objects: list[bytes], trailer: str) -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += (
        f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    )
    return bytes(out)


@pytest.fixture
def pdf() -> PdfMaker:
    """An empty PDF to add pages to."""
    return PdfMaker()
