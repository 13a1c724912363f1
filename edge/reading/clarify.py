"""Asking back: where good answers differ by a word that the question lacks, and completing the question with the reply.
Pure.
"""

from __future__ import annotations

import re
from dataclasses import replace

from edge.types import Question

ASKS = "Which one do you mean?"
"""The first line of a turn that asks back; its choices follow, one a line, numbered."""

_CHOICE = re.compile(r"^(\d)\. (.+?)(?: \[\d+\])?$", re.MULTILINE)
MAX_REPLY_WORDS = 6


def complete_choice(question: Question) -> Question:
    """Return the question that a reply to a choice means: the earlier question with the words of the choice.

    A number picks the choice of that number; words pick the one choice that holds them all. Any other text is a
    question of its own.
    """
    said = question.history
    if len(said) < 2 or said[-1].role != "assistant" or ASKS not in said[-1].content:
        return question
    labels = {n: label for n, label in _CHOICE.findall(said[-1].content)}
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
