"""Whether what an old answer cites is still so: the passage in the pack that is in use now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.errors import EdgeError, NotFoundError
from edge.packs.changes import Change, Piece, compare_pieces, read_pieces
from edge.packs.pack import Document, Pack
from edge.packs.store import PackStore
from edge.text.units import HEADER, split_units

Status = Literal["same", "moved", "changed", "gone", "not_installed"]


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """A passage as an answer cited it. ``digest`` is that of the pack; empty where nobody noted it."""

    pack: str
    version: str
    document: str
    page_from: int
    heading: str
    text: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cited passage stands today.

    Attributes:
        status: ``same``; ``moved`` to another page or document, word for word; ``changed``; ``gone`` with its document
            or text; ``not_installed``, like its pack.
        version: of the pack in use; empty where there is none.
        document, page: where it stands now.
        changes: of its text.
    """

    status: Status
    version: str = ""
    document: str = ""
    page: int | None = None
    changes: tuple[Change, ...] = ()

    @property
    def said(self) -> str:
        """A sentence for the reader."""
        match self.status:
            case "same":
                return "The page still says this."
            case "moved":
                return f"This stands on page {self.page} of {self.document} now."
            case "changed":
                return f"Changed in version {self.version}: " + "; ".join(
                    change.said for change in self.changes
                )
            case "gone":
                return f"Version {self.version} does not say this any more."
        return "The pack is not installed any more."


def check_citation(store: PackStore, cited: CitedPassage) -> Standing:
    """Find a cited passage in the version of its pack that is in use."""
    try:
        pack = store.open(cited.pack)
    except EdgeError:
        return Standing("not_installed")
    with pack:
        if cited.digest and cited.digest == pack.digest:
            return Standing("same", pack.version, cited.document, cited.page_from)
        return _find(pack, cited)


def _find(pack: Pack, cited: CitedPassage) -> Standing:
    try:
        document = pack.get_document(cited.document)
    except NotFoundError:
        for other in pack.list_documents():
            if (page := _find_page(pack, other, cited)) is not None:
                return Standing("moved", pack.version, other.name, page)
        return Standing("gone", pack.version)
    page = _find_page(pack, document, cited)
    if page is not None:
        status: Status = "same" if page == cited.page_from else "moved"
        return Standing(status, pack.version, document.name, page)
    changes = tuple(_list_changes(pack, document, cited))
    if all(change.kind == "removed" for change in changes):
        return Standing("gone", pack.version, document.name, changes=changes)
    page = next((change.new_page for change in changes if change.new_page), None)
    return Standing("changed", pack.version, document.name, page, changes)


def _find_page(pack: Pack, document: Document, cited: CitedPassage) -> int | None:
    """Return the page on which a document has all lines of the passage; None where it has not.

    Of several pages it is that of the citation, if the first line stands there.
    """
    pages: dict[str, list[int]] = {}
    for chunk in pack.get_chunks(range(document.first_chunk, document.last_chunk + 1)):
        for line in chunk.text.split("\n"):
            pages.setdefault(" ".join(line.split()), []).append(chunk.page_from)
    lines = [" ".join(line.split()) for line in cited.text.split("\n") if line.strip()]
    if not lines or any(line not in pages for line in lines):
        return None
    first = next((line for line in lines if not line.startswith(HEADER)), lines[0])
    return cited.page_from if cited.page_from in pages[first] else pages[first][0]


def _list_changes(pack: Pack, document: Document, cited: CitedPassage) -> list[Change]:
    """Compare the passage with what stands in the document now, as far as it is about the same."""
    old = [
        Piece(unit.text, cited.heading, unit.header, unit.kind == "row", cited.page_from, 0)
        for unit in split_units(cited.text, "text")
    ]
    found = compare_pieces(old, read_pieces(pack, document), document.name)
    return [change for change in found if change.kind != "added"]
