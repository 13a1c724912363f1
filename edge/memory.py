"""What outlives a turn: conversations, and the passages that prompts began with.

Joins the two stores and keeps to what still holds: passages of packs as they are installed now.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from edge.audit.turn import clean_subject
from edge.conversations import Conversations
from edge.popular import PopularPassages
from edge.prompt.conversation import Exchange, choose_usable
from edge.types import Answer, Passage, Question


class Memory:
    """Remembers turns. Safe to use from several threads.

    Args:
        conversations: None remembers none.
        popular: None counts no passages.
        list_versions: tells the version of each pack that answers now.
    """

    def __init__(
        self,
        conversations: Conversations | None,
        popular: PopularPassages | None,
        list_versions: Callable[[], Mapping[str, str]],
    ) -> None:
        self._conversations, self._popular = conversations, popular
        self._list_versions = list_versions

    def recall(self, question: Question) -> Question:
        """Return the question in its conversation, a new one if it names none, with what was said in it."""
        history = question.history
        if not history and question.conversation_id and self._conversations:
            history = self._conversations.read_history(name_conversation(question))
        return replace(
            question, history=history, conversation_id=question.conversation_id or uuid.uuid4().hex
        )

    def read_turns(self, question: Question) -> tuple[Exchange, ...]:
        """Return what a language model saw of the conversation, as far as it still holds."""
        if self._conversations is None or not question.conversation_id:
            return ()
        turns = self._conversations.read_exchanges(name_conversation(question))
        return choose_usable(turns, self._list_versions(), scope_of(question))

    def read_known(self, scope: str) -> list[tuple[Passage, ...]]:
        """Return lists of passages that prompts of this scope began with lately."""
        return self._keep_installed(self._popular.read_latest(scope)) if self._popular else []

    def read_most_asked(self, limit: int) -> list[tuple[Passage, ...]]:
        """Return lists of passages that prompts to come will probably begin with."""
        return self._keep_installed(self._popular.read_most_asked(limit)) if self._popular else []

    def count(self, passages: tuple[Passage, ...], scope: str) -> None:
        """Note that a prompt began with these passages."""
        if self._popular:
            self._popular.count(passages, scope)

    def remember(self, question: Question, answer: Answer, exchange: Exchange | None) -> None:
        """Keep a turn; ``exchange`` is the same as a language model saw it."""
        if self._conversations and question.remember:
            self._conversations.append(name_conversation(question), question.text, answer.text, exchange)

    def _keep_installed(self, lists: Iterable[tuple[Passage, ...]]) -> list[tuple[Passage, ...]]:
        versions = self._list_versions()
        return [found for found in lists if all(versions.get(p.pack) == p.version for p in found)]


def name_conversation(question: Question) -> str:
    """Return the name that a question's conversation is kept under: that of its subject and its id.

    Who knows the id of somebody else's conversation does not continue it.
    """
    id, subject = question.conversation_id or "", clean_subject(question.subject)
    return f"{subject}\n{id}" if subject else id


def scope_of(question: Question) -> str:
    """Return what the search is restricted to, as one text."""
    return "\n".join([question.equipment or "", *question.packs])
