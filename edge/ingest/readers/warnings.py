"""Safety warnings: find the signal words, and store each warning in one form.

DANGER, WARNING, CAUTION and NOTICE are the signal words of ANSI Z535 and ISO 3864. A note is not a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from edge.ingest.document import Block, BlockKind

MAX_ITEMS = 8
_SIGNALS = {
    "danger": "DANGER", "warning": "WARNING", "caution": "CAUTION", "notice": "NOTICE", "attention": "ATTENTION",
    "gefahr": "GEFAHR", "warnung": "WARNUNG", "vorsicht": "VORSICHT", "achtung": "ACHTUNG",
    "avertissement": "AVERTISSEMENT", "mise en garde": "MISE EN GARDE",
    "peligro": "PELIGRO", "advertencia": "ADVERTENCIA", "precaución": "PRECAUCIÓN", "atención": "ATENCIÓN",
    "pericolo": "PERICOLO", "avvertenza": "AVVERTENZA", "attenzione": "ATTENZIONE",
}  # fmt: skip
_LABELS = {"error": "danger", "bug": "danger", "failure": "danger", "hazard": "danger", "alert": "warning",
           "warn": "warning", "danger": "danger", "warning": "warning", "caution": "caution", "notice": "notice",
           "attention": "attention"}  # fmt: skip
"""Names of admonitions, as documentation tools write them, that are safety warnings."""
_REMARKS = frozenset(
    "note info tip hint important seealso abstract summary tldr todo success check done question help faq example "
    "quote cite details remark admonition".split()
)
_NOTES = ("note", "notes", "tip", "hint", "important", "hinweis", "remarque", "nota", "remark")

_WORD = "|".join(sorted(_SIGNALS, key=len, reverse=True))
_SIGN = r"(?:[!⚠☠⚡△\ufe0f]+\s*)*"
_OPENING = re.compile(
    rf"^{_SIGN}(?:(?P<word>{_WORD})(?:\s*[:!–—]+\s*|\s+-\s+|\s*$))(?P<rest>.*)$", re.IGNORECASE | re.DOTALL
)
_CAPITALS = re.compile(rf"^{_SIGN}(?P<word>{_WORD.upper()})\s+(?P<rest>\S.*)$", re.DOTALL)
_SYMBOL = re.compile(r"^\s*⚠\ufe0f?\s*(?P<rest>\S.*)$", re.DOTALL)
_SPACED = re.compile(r"^(?:\w ){4,}\w\s*[:!]?$")
_NOTE = re.compile(rf"^(?:{'|'.join(_NOTES)})\s*:?$", re.IGNORECASE)


def split_signal(text: str) -> tuple[str, str] | None:
    """Return the signal word in capitals and the text after it, if ``text`` opens as a safety warning does.

    ``WARNING: …``, ``Warning!``, ``CAUTION Hot surface`` and a leading ⚠ open one; ``Warning lamps are red`` does not.
    """
    text = text.strip()
    if _SPACED.match(text):
        text = text.replace(" ", "")
    if match := _OPENING.match(text) or _CAPITALS.match(text):
        return _SIGNALS[match["word"].lower()], match["rest"].strip()
    if match := _SYMBOL.match(text):
        return "WARNING", match["rest"].strip()
    return None


def is_label(text: str) -> bool:
    """Return whether the text is a signal word and nothing else."""
    signal = split_signal(text)
    return signal is not None and not signal[1]


def is_note_label(text: str) -> bool:
    """Return whether the text is the label of a note (Note, Tip, Important), which is no safety warning."""
    return bool(_NOTE.match(text.strip()))


def format_warning(signal: str, text: str) -> str:
    """Return the warning as it is stored: ``WARNING: …``."""
    return f"{signal}: {text}" if text else signal


def find_label(name: str) -> str:
    """Return the name of an admonition's kind as its text begins with it, ``WARNING`` or ``Note``; else empty."""
    name = name.lower()
    if signal := _LABELS.get(name):
        return signal.upper()
    if name in _SIGNALS:
        return _SIGNALS[name]
    return name.capitalize() if name in _REMARKS or _NOTE.match(name) else ""


def make_admonition(label: str, title: str, text: str) -> Block | None:
    """Return an admonition as one block: a warning, or a paragraph for a note; None if it says nothing.

    Args:
        label: from ``find_label``.
        title: its own title; one that only repeats the label is left out.
        text: everything under the title.
    """
    signal = split_signal(title) if title else None
    title = signal[1] if signal else "" if title.rstrip(" :").lower() == label.lower() else title
    opening = re.match(rf"(?:{re.escape(label)})\b\s*[:!.–-]*\s*", text, re.IGNORECASE) if not title else None
    text = text[opening.end() :] if opening else text
    if title and text and title[-1] not in ".!?:;":
        title += "."
    body = " ".join(filter(None, (title, text)))
    if not body:
        return None
    if label.isupper():
        return Block("warning", format_warning(label, body))
    return Block("paragraph", f"{label}: {body}")


def join_warnings(blocks: Iterable[Block]) -> Iterator[Block]:
    """Join every warning to one block: signal word, the text after it, and the list that this text announces.

    The label of a note joins the paragraph after it in the same way, but stays a paragraph.
    """
    waiting: list[Block] = []
    for block in blocks:
        if waiting and _takes(waiting, block):
            waiting.append(block)
            continue
        if waiting:
            yield _join(waiting)
            waiting = []
        if _opens(block):
            waiting = [block]
        else:
            yield block
    if waiting:
        yield _join(waiting)


def _opens(block: Block) -> bool:
    text = _flatten(block)
    if block.kind == "heading":
        return is_label(text) or is_note_label(text)
    return block.kind not in ("code", "warning", "record") and (
        split_signal(text) is not None or is_note_label(text)
    )


def _takes(waiting: Sequence[Block], block: Block) -> bool:
    """Return whether the block still belongs to the warning or note that was opened."""
    last = waiting[-1]
    if block.kind not in ("paragraph", "item", "step") or _opens(block):
        return False
    if len(waiting) == 1 and (is_label(_flatten(last)) or is_note_label(last.text)):
        return True
    announced = last.text.endswith(":") or (len(waiting) > 1 and last.kind in ("item", "step"))
    return announced and block.kind != "paragraph" and len(waiting) <= MAX_ITEMS


def _join(parts: Sequence[Block]) -> Block:
    first = _flatten(parts[0])
    rest = [part.text for part in parts[1:]]
    if len(parts) > 1 and is_label(first):
        rest[0] = rest[0].removeprefix("- ")
    boxes = tuple(box for part in parts for box in part.boxes)
    kind: BlockKind = "paragraph"
    if signal := split_signal(first):
        kind, text = "warning", format_warning(signal[0], " ".join(filter(None, [signal[1], *rest])))
    elif rest:
        text = f"{first.rstrip(' :')}: {' '.join(rest)}"
    else:
        return parts[0]
    return replace(parts[0], kind=kind, text=text, boxes=boxes, level=0, header="")


def _flatten(block: Block) -> str:
    """Return a table row whose first cell is the signal word as one line."""
    return block.text.replace(" | ", " ", 1) if block.kind == "row" else block.text
