"""Where the steps of a procedure stand on the pages of a PDF. What is not found word for word has no place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from edge.errors import EdgeError
from edge.jobs.procedure import Procedure, Step
from edge.packs.pack import Pack
from edge.packs.pages import PDF
from edge.types import Box

MOST_PAGES = 20
"""On which a procedure is looked for."""

Locate = Callable[[bytes, str, int, Sequence[str]], Sequence[tuple[Box, ...]]]
"""``PageDrawer.locate``: original, media type, page and texts to the boxes of each text."""


def place_steps(pack: Pack, procedure: Procedure, locate: Locate) -> Procedure:
    """Return a procedure with the boxes of its steps, and the pages on which these really stand.

    Pages that cannot be read leave their steps as they were.
    """
    document = pack.get_document(procedure.document)
    if document.media_type != PDF:
        return procedure
    original = pack.read_original(document.name)
    steps = list(procedure.steps)
    pages = sorted({page for step in steps for page in range(step.page, step.page_to + 1)})
    with suppress(EdgeError):
        for page in pages[:MOST_PAGES]:
            texts = [text for step in steps for text in (f"{step.label} {step.text}", step.text)]
            found = locate(original, document.media_type, page, texts)
            for number, step in enumerate(steps):
                boxes = found[2 * number] or found[2 * number + 1]
                if boxes and not step.boxes and step.page <= page <= step.page_to:
                    steps[number] = _put(pack, document.id, step, page, boxes)
    return replace(procedure, steps=tuple(steps))


def _put(pack: Pack, document: int, step: Step, page: int, boxes: tuple[Box, ...]) -> Step:
    label = pack.get_page_label(document, page)
    return replace(step, page=page, page_to=page, page_label=label, boxes=boxes)
