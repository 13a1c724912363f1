"""Passages to check against."""

from __future__ import annotations

from edge.types import Passage


def make_passage(
    text: str, heading: str = "Pump > Torque", page: int = 12, label: str | None = None
) -> Passage:
    return Passage(
        pack="pumps", version="1.0", document="user-manual.pdf", title="Manual", page_from=page, page_to=page,
        page_label=label, heading=heading, text=text, score=1.0,
    )  # fmt: skip
