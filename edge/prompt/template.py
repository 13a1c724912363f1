"""The layout of a prompt: instructions, then the passages with their numbers, then the question.

The instructions never change and come first, so that their part of the KV cache serves every question. The layout of
the user's message is fixed: the tiny model of the tests was trained on it. What comes before it in a conversation is
left to ``conversation``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from edge.prompt.budget import choose_relevant, fit_passages
from edge.types import Message, Passage, Prompt

INSTRUCTIONS = """\
You help technicians who repair and maintain equipment. Answer the question from the numbered passages only.
- Give the answer first, short and complete; for a procedure give the numbered steps.
- Copy values, units, part numbers and codes exactly as they stand in the passages.
- End every sentence with the number of its passage in brackets, like [1].
- Keep every warning that applies. Do not weaken it.
- If the passages do not answer the question, write only: The passages do not say."""

HISTORY = 4
"""Earlier messages that are kept: enough to know what "it" is."""

HISTORY_CHARACTERS = 600

MATTER = "Passages that matter, best first:"

Fits = Callable[[Prompt], bool]

_CITATION = re.compile(r"\s*\[\d+\]")  # of passages that are no longer there


def make_prompt(
    question: str, passages: Sequence[Passage], history: Sequence[Message], max_tokens: int, fits: Fits
) -> Prompt:
    """Return a prompt of its own, with as much as fits of the passages worth reading; the question is never cut.

    ``Prompt.passages`` are all of them, whole: warnings and values are looked up there.

    Args:
        question: what is asked.
        passages: their order is their number for readers.
        history: what was said before, oldest first.
        max_tokens: room the answer needs.
        fits: whether an engine has room for a prompt and its answer.
    """

    wholes = choose_relevant(passages)
    numbers = {label: passages.index(whole) + 1 for label, whole in enumerate(wholes, 1)}
    labels = None if all(label == number for label, number in numbers.items()) else numbers

    def build(kept: Sequence[Passage]) -> Prompt:
        messages = _make_messages(question, kept, history)
        return Prompt(question, tuple(passages), messages, max_tokens, labels)

    return build(fit_passages(wholes, lambda kept: fits(build(kept))))


def lay_out(question: str, passages: Sequence[Passage], first: int = 1, matter: Sequence[int] = ()) -> str:
    """Return the user's message: every passage under a line with its number and place, then the question.

    Args:
        question: what is asked.
        passages: those to show here.
        first: number of the first of them; earlier messages showed those below it.
        matter: numbers of all passages that this question is about, best first, where some were shown earlier.
    """
    parts = []
    if passages or not matter:
        blocks = [f"[{n}] {format_block(passage)}" for n, passage in enumerate(passages, first)]
        parts.append("Passages:\n" + "\n\n".join(blocks))
    if matter:
        parts.append(f"{MATTER} {', '.join(f'[{n}]' for n in matter)}")
    return "\n\n".join([*parts, f"Question: {question}"])


def format_block(passage: Passage) -> str:
    """Return a passage as it is shown after its number."""
    return f"{format_place(passage)}\n{passage.text.strip()}"


def format_place(passage: Passage) -> str:
    """Write where a passage stands: ``user-manual.pdf, page 12 (printed 4), Battery > Replacement``."""
    where = f"{passage.document}, page {passage.page_from}"
    if passage.place:
        where = format_file_place(passage)
    elif passage.page_label:
        where += f" (printed {passage.page_label})"
    return f"{where}, {passage.heading}" if passage.heading else where


def format_file_place(passage: Passage) -> str:
    """Return the place of a passage in a file without pages: ``manual.html#reset`` or ``codes.csv, row 17``."""
    return f"{passage.document}{'' if passage.place.startswith('#') else ', '}{passage.place}"


def shorten_history(history: Sequence[Message]) -> tuple[Message, ...]:
    """Return what was said before, without citations: their passages are not there."""
    return tuple(
        Message(message.role, _CITATION.sub("", message.content)[:HISTORY_CHARACTERS])
        for message in history
        if message.role != "system"
    )


def _make_messages(
    question: str, passages: Sequence[Passage], history: Sequence[Message]
) -> tuple[Message, ...]:
    said = shorten_history(history[-HISTORY:])
    while said and said[0].role != "user":  # most chat templates want the user to begin
        said = said[1:]
    return (Message("system", INSTRUCTIONS), *said, Message("user", lay_out(question, passages)))
