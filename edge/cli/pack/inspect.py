"""``edge pack inspect``: what a pack says about itself, and what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli.options import Json, PackTarget
from edge.cli.screen import FAINT, STRONG, Screen, plural, unsigned
from edge.text.sizes import size

if TYPE_CHECKING:
    from edge.packs.pack import Pack


def run(target: PackTarget, json: Json = False) -> None:
    """Show a pack's description and its documents."""
    from edge.cli.pack.target import open_pack

    screen = Screen()
    with open_pack(target) as pack:
        if json:
            screen.json(_as_dict(pack))
        else:
            _show(screen, pack)


def _show(screen: Screen, pack: Pack) -> None:
    manifest, documents = pack.manifest, pack.documents()
    screen.write(
        (f"{manifest.name} {manifest.version}", STRONG), f"  {manifest.title}", *unsigned(pack.signed)
    )
    screen.gap()
    facts = {
        "language": manifest.language,
        "licence": manifest.licence,
        "equipment": ", ".join(manifest.applies_to) or "all",
        "contents": f"{plural(len(documents), 'document')}, {plural(pack.chunk_count, 'chunk')}, {size(pack.size)}",
        "embedder": pack.embedder,
        "digest": pack.digest,
    }
    for name, value in facts.items():
        screen.write(value, lead=(f"{name:10} ", FAINT))
    screen.gap()
    rows = [(document.name, f"{document.pages:5}", document.title) for document in documents]
    screen.table(("DOCUMENT", "PAGES", "TITLE"), rows)


def _as_dict(pack: Pack) -> dict[str, object]:
    manifest = pack.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "language": manifest.language,
        "licence": manifest.licence,
        "applies_to": manifest.applies_to,
        "signed": pack.signed,
        "digest": pack.digest,
        "size": pack.size,
        "embedder": pack.embedder,
        "chunks": pack.chunk_count,
        "documents": [
            {
                "name": document.name,
                "title": document.title,
                "media_type": document.media_type,
                "sha256": document.sha256,
                "pages": document.pages,
                "applies_to": document.applies_to,
            }
            for document in pack.documents()
        ],
    }
