"""A prompt that only grows: the turns of a conversation exactly as they were sent, then the new question.

Whatever comes first in a prompt and is the same as last time needs no computing. So earlier messages are never
rewritten: a new one brings only the passages that were not shown yet, numbered onwards, and points at all that matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge.prompt.budget import RELEVANT, STRONG, choose_relevant, fit_passages
from edge.prompt.labels import invert, relabel
from edge.prompt.order import arrange
from edge.prompt.template import INSTRUCTIONS, Fits, lay_out, shorten_history
from edge.types import Message, Passage, Prompt


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn as a language model saw it.

    Args:
        user, assistant: the messages, word for word.
        passages: those that the user's message brought, whole, labelled onwards from ``first``.
        before: how many exchanges stood before it in its prompt.
        scope: what the search was restricted to.
    """

    user: str
    assistant: str
    passages: tuple[Passage, ...] = ()
    first: int = 1
    before: int | None = None
    scope: str = ""

    @property
    def next(self) -> int:
        """The first label that is free."""
        return self.first + len(self.passages)


@dataclass(frozen=True, slots=True)
class Sent:
    """A prompt, and what of it the conversation must remember."""

    prompt: Prompt
    exchange: Exchange

    def add_answer(self, written: str, shown: str) -> Exchange:
        """Return the exchange with its answer, in the model's own words if all of them are ``shown``, which is numbered
        for readers."""
        numbers, passages = self.prompt.labels, len(self.prompt.passages)
        if numbers is None:
            own = written if written.strip() == shown else shown
        else:
            same = relabel(written, numbers, passages).strip() == shown
            own = written if same else relabel(shown, invert(numbers), 0)
        return replace(self.exchange, assistant=own)


def make_opening(passages: Sequence[Passage]) -> Prompt:
    """Return the part that all first questions over these passages begin with, as a prompt to be computed ahead."""
    user = lay_out("", passages).rstrip()
    messages = (Message("system", INSTRUCTIONS), Message("user", user))
    return Prompt("", tuple(passages), messages, 1)


def make_plain_exchange(question: str, answer: str) -> Exchange:
    """Return a turn that no model saw with passages."""
    user, assistant = shorten_history((Message("user", question), Message("assistant", answer)))
    return Exchange(user.content, assistant.content)


def choose_usable(turns: Sequence[Exchange], versions: Mapping[str, str], scope: str) -> tuple[Exchange, ...]:
    """Return the last turns that still hold: searched in the same scope, from packs as they are installed now.

    Args:
        turns: oldest first.
        versions: of the installed packs, by name.
        scope: of the question that comes now.
    """
    kept: list[Exchange] = []
    free = 0
    for turn in reversed(turns):
        outdated = any(versions.get(passage.pack) != passage.version for passage in turn.passages)
        collides = bool(free) and turn.next > free  # two turns at the same time took the same labels
        if turn.passages and (turn.scope != scope or outdated or collides):
            break
        if turn.passages:
            free = turn.first
        kept.insert(0, turn)
    return tuple(kept)


def continue_conversation(
    question: str,
    passages: Sequence[Passage],
    turns: Sequence[Exchange],
    max_tokens: int,
    fits: Fits,
    known: Sequence[Sequence[Passage]] = (),
    scope: str = "",
) -> Sent:
    """Return a prompt that continues a conversation. What does not fit goes: the oldest turns, then passages.

    Turns go by the half, so that what is left serves several questions.

    Args:
        question: what is asked; never cut.
        passages: best first; their order is their number for readers.
        turns: what the model saw before, oldest first.
        max_tokens: room the answer needs.
        fits: whether an engine has room for a prompt and its answer.
        known: lists of passages that prompts began with lately, in the same scope: see ``order``.
        scope: what the search was restricted to.
    """
    turns = tuple(turns)
    while True:
        writer = _Writer(question, passages, turns, max_tokens, scope)
        ordered = writer.order_passages(known)
        if fits((sent := writer.write(ordered, ordered)).prompt):
            return sent
        if not turns and not known:
            break
        turns, known = _keep_newer_half(turns), ()
    wholes = choose_relevant(passages)
    kept = fit_passages(wholes, lambda kept: fits(writer.write(kept, wholes).prompt))
    return writer.write(kept, wholes)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the prompt of one question with more or less of its passages."""

    question: str
    passages: Sequence[Passage]
    turns: tuple[Exchange, ...]
    max_tokens: int
    scope: str

    @property
    def first(self) -> int:
        """The label of the first new passage."""
        return max((turn.next for turn in self.turns), default=1)

    @property
    def new(self) -> tuple[Passage, ...]:
        """The passages worth reading that no message showed yet."""
        worth = choose_relevant(self.passages, STRONG if self.first > 1 else RELEVANT)
        return tuple(passage for passage in worth if self._find_label(passage) is None)

    def order_passages(self, known: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
        """Return the new passages as they are best shown; only a conversation that begins may begin like others."""
        return self.new if self.turns else arrange(self.passages, known)

    def write(self, shown: Sequence[Passage], wholes: Sequence[Passage]) -> Sent:
        """Return the prompt that shows these passages, which are the first of ``wholes`` and perhaps cut."""
        brought = tuple(wholes[: len(shown)])
        order = [
            self.first + brought.index(passage) if passage in brought else self._find_label(passage)
            for passage in self.passages
        ]
        points = self.first > 1 or any(passage not in self.passages for passage in brought)
        matter = [label for label in order if label] if points else []
        user = lay_out(self.question, shown, self.first, matter)
        before = [m for t in self.turns for m in (Message("user", t.user), Message("assistant", t.assistant))]
        messages = (Message("system", INSTRUCTIONS), *before, Message("user", user))
        all_passages, numbers = self._number(order, brought)
        prompt = Prompt(self.question, all_passages, messages, self.max_tokens, numbers)
        return Sent(prompt, Exchange(user, "", brought, self.first, len(self.turns), self.scope))

    def _number(
        self, order: Sequence[int | None], brought: Sequence[Passage]
    ) -> tuple[tuple[Passage, ...], dict[int, int] | None]:
        """Return all passages of the conversation, this question's first, and which label leads to which of them.

        A passage that lies inside one shown before is that one: the model may say whatever stands in it.
        """
        passages = list(self.passages)
        numbers: dict[int, int] = {}
        for number, label in enumerate(order, 1):
            if label:
                numbers.setdefault(label, number)
        lists = [(turn.first, turn.passages) for turn in self.turns]
        for first, shown in [*lists, (self.first, brought)]:
            for label, passage in enumerate(shown, first):
                if label in numbers:
                    found = passages[numbers[label] - 1]
                    passages[numbers[label] - 1] = replace(
                        passage, score=found.score, closeness=found.closeness
                    )
                else:
                    passages.append(passage)
                    numbers[label] = len(passages)
        same = numbers == {n: n for n in range(1, len(passages) + 1)}
        return tuple(passages), None if same else numbers

    def _find_label(self, passage: Passage) -> int | None:
        """Return what a passage is called already; None when no message has the whole of it."""
        text = passage.text.strip()
        for turn in reversed(self.turns):
            for label, shown in enumerate(turn.passages, turn.first):
                if _identify(shown) == _identify(passage) and text in shown.text and text in turn.user:
                    return label
        return None


def _identify(passage: Passage) -> tuple[str, str, str]:
    return passage.pack, passage.version, passage.document


def _keep_newer_half(turns: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """Return the last turns, as many as make no more than half of the text."""
    room = sum(map(_measure, turns)) // 2
    kept = len(turns)
    while kept and sum(map(_measure, turns[-kept:])) > room:
        kept -= 1
    return turns[len(turns) - kept :]


def _measure(turn: Exchange) -> int:
    return len(turn.user) + len(turn.assistant)
