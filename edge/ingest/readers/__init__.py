"""Readers, one module for each file format; each turns bytes into a ``SourceDocument``. The suffix tells the format."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers.decode import NotTextError

_PDF = ("application/pdf", "pdf", "read_pdf")
_HTML = ("text/html", "html", "read_html")
_MHTML = ("multipart/related", "mhtml", "read_mhtml")
_MARKDOWN = ("text/markdown", "markdown", "read_markdown")
_TEXT = ("text/plain", "text", "read_text")
_DOCX = ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "read_docx")
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MANUAL = ("application/xml", "manual_xml", "read_manual_xml")
_TIFF = ("image/tiff", "picture", "read_picture")
_JPEG = ("image/jpeg", "picture", "read_picture")

_FORMATS = {
    ".pdf": _PDF,
    ".html": _HTML,
    ".htm": _HTML,
    ".xhtml": _HTML,
    ".mhtml": _MHTML,
    ".mht": _MHTML,
    ".md": _MARKDOWN,
    ".markdown": _MARKDOWN,
    ".txt": _TEXT,
    ".text": _TEXT,
    ".log": _TEXT,
    ".docx": _DOCX,
    ".csv": ("text/csv", "delimited", "read_delimited"),
    ".tsv": ("text/tab-separated-values", "delimited", "read_delimited"),
    ".xlsx": (_EXCEL, "workbook", "read_workbook"),
    ".xlsm": (_EXCEL, "workbook", "read_workbook"),
    ".xlsb": ("application/vnd.ms-excel.sheet.binary.macroenabled.12", "workbook", "read_workbook"),
    ".xls": ("application/vnd.ms-excel", "workbook", "read_workbook"),
    ".ods": ("application/vnd.oasis.opendocument.spreadsheet", "opendocument", "read_opendocument"),
    ".xml": _MANUAL,
    ".dita": _MANUAL,
    ".ditamap": _MANUAL,
    ".json": ("application/json", "guide", "read_guide"),
    ".png": ("image/png", "picture", "read_picture"),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
}

SUFFIXES = frozenset(_FORMATS)
"""Lower-case suffixes of the files that can be read."""


def get_media_type(name: str) -> str:
    """Return the media type of a document by its suffix; ``application/octet-stream`` for an unknown one."""
    known = _FORMATS.get(PurePath(name).suffix.lower())
    return known[0] if known else "application/octet-stream"


def read(name: str, data: bytes) -> SourceDocument:
    """Read a document; ``name`` is its file name.

    Raises:
        DocumentError: its type is unknown, or it is broken, encrypted or empty.
    """
    known = _FORMATS.get(PurePath(name).suffix.lower())
    if known is None:
        raise DocumentError(
            f"{name} is of a type that cannot be read.", f"Convert it to one of: {_list_formats()}."
        )
    if not data.strip(b"\0 \t\r\n"):
        raise DocumentError(f"{name} is empty.", "Copy the file again from where it came.")
    try:
        document = _load_reader(known)(name, data)
    except NotTextError as error:
        raise DocumentError(
            f"{name} is not text, whatever its name says.", "Save it as UTF-8, or leave it out."
        ) from error
    if not any(block.kind != "heading" and block.text for block in document.blocks):
        raise DocumentError(f"{name} has no text.", "Check that it is the right file.")
    return document


def _load_reader(known: tuple[str, str, str]) -> Callable[[str, bytes], SourceDocument]:
    """Import the format's module when it is first needed."""
    reader: Callable[[str, bytes], SourceDocument] = getattr(
        import_module(f"{__name__}.{known[1]}"), known[2]
    )
    return reader


def _list_formats() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
