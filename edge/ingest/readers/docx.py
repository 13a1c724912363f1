"""DOCX: mammoth turns it into HTML, and the reader of HTML does the rest.

Before that, what mammoth passes over is written out in the parts of the archive: the results of simple fields,
formulas, notes, and the automatic numbers of headings and lists.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from edge.errors import DocumentError
from edge.ingest.document import Block, SourceDocument
from edge.ingest.readers.archive import check_archive
from edge.ingest.readers.characters import squeeze
from edge.ingest.readers.docx_parts import rewrite_parts
from edge.ingest.readers.html import read_html
from edge.ingest.readers.lists import find_marker, format_item

BROKEN_HINT = "Open it in a word processor and save it again as .docx, or save it as PDF."
NO_TITLE = "Word Document"
"""The title that some programs write when the author gave none."""

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='List Bullet'] => ul > li:fresh
p[style-name='List Bullet 2'] => ul > li:fresh
p[style-name='List Number'] => ol > li:fresh
p[style-name='List Number 2'] => ol > li:fresh
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='macro'] => pre:separator('\\n')
p[style-name^='Code'] => pre:separator('\\n')
"""
_IGNORED = re.compile(r"element was ignored: (\S+)|unsupported character was ignored: (.+)")


def read_docx(name: str, data: bytes) -> SourceDocument:
    """Read a Word document, with tracked changes as if they were accepted.

    Raises:
        DocumentError: it is broken, protected, or unpacks to more than ``archive.MAX_UNPACKED`` bytes.
    """
    check_archive(name, data, ".docx", "Word document")
    import mammoth

    try:
        parts = rewrite_parts(data)
        result = mammoth.convert_to_html(
            io.BytesIO(parts.archive),
            style_map=_STYLES,
            convert_image=mammoth.images.img_element(lambda image: {}),
        )
    except Exception as error:  # mammoth and the XML parser raise what the damaged part happens to break
        raise DocumentError(f"{name} is not a readable Word document.", BROKEN_HINT) from error
    document = read_html(name, f'<meta charset="utf-8">{result.value}'.encode())
    title = squeeze(parts.title)
    return replace(
        document,
        title=document.title if title in ("", NO_TITLE) else title,
        blocks=tuple(map(_make_list_item, document.blocks)),
        notes=(*parts.notes, *_describe_ignored(message.message for message in result.messages)),
    )


def _make_list_item(block: Block) -> Block:
    """Return a paragraph that begins with a number or a bullet as step or item."""
    found = find_marker(block.text) if block.kind == "paragraph" else None
    return replace(block, kind=found.kind, text=format_item(found)) if found else block


def _describe_ignored(messages: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for every kind of element that mammoth passed over."""
    for message in dict.fromkeys(messages):
        if match := _IGNORED.search(message):
            yield f"Not read: {match[1] or 'the character ' + match[2]}."
