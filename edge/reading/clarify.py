"""Asking back: where good answers differ by a word that the question lacks, and completing the question with the reply.
Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace

from edge.reading.candidates import Candidate
from edge.reading.reader import Reading
from edge.text.words import Stems
from edge.types import Question

ASKS = "Which one do you mean?"
"""The first line of a turn that asks back; its choices follow, one a line, numbered."""

_CHOICE = re.compile(r"^(\d)\. (.+?)(?: \[\d+\])?$", re.MULTILINE)
MAX_REPLY_WORDS = 6
MAX_CHOICES = 4
AS_LIKELY = 0.5
"""A row is a choice beside the likeliest one when its chance is this share of that one's."""


def list_choices(reading: Reading) -> list[Candidate]:
    """Return the rows that answer equally well and differ by a word that the question lacks; none where it is clear.

    Only a question for a value is asked back, and only where each of the rows has a name of its own that the question
    does not mention.
    """
    if "value" not in reading.asked.cues or reading.asked.cues & {"choice", "comparison", "list", "steps"}:
        return []
    order = reading.order[:MAX_CHOICES]
    least = AS_LIKELY * reading.chances[order[0]] if order else 0.0
    rows = [reading.candidates[i] for i in order if reading.chances[i] >= least]
    rows = [
        row for n, row in enumerate(rows) if row.kind == "row" and row.text not in {r.text for r in rows[:n]}
    ]
    if len(rows) < 2 or reading.candidates[order[0]].kind != "row":
        return []
    stems = Stems()
    names = [frozenset(stems.split(row.name)) for row in rows]
    own = [name - frozenset.intersection(*names) for name in names]
    asked = frozenset(stems.split(reading.asked.text))
    return rows if all(words and not words & asked for words in own) else []


def complete_choice(question: Question) -> Question:
    """Return the question that a reply to a choice means: the earlier question with the words of the choice.

    A number picks the choice of that number; words pick the one choice that holds them all. Any other text is a
    question of its own.
    """
    said = question.history
    if len(said) < 2 or said[-1].role != "assistant" or ASKS not in said[-1].content:
        return question
    labels = {n: label.split(" (", 1)[0] for n, label in _CHOICE.findall(said[-1].content)}
    reply = question.text.strip().rstrip(".").lower()
    if len(reply.split()) > MAX_REPLY_WORDS:
        return question
    chosen = labels.get(reply) or _find_by_words(labels, reply)
    asked = next((m.content for m in reversed(said) if m.role == "user"), "")
    return replace(question, text=f"{asked} {chosen}", history=said[:-2]) if chosen and asked else question


def _find_by_words(labels: dict[str, str], reply: str) -> str | None:
    words = set(re.findall(r"\w+", reply))
    found = [label for label in labels.values() if words and words <= set(re.findall(r"\w+", label.lower()))]
    return found[0] if len(found) == 1 else None
