"""A conversation belongs to whoever began it."""

from __future__ import annotations

from edge.conversations import Conversations
from edge.memory import Memory
from edge.types import Answer, Message, Question


def test_who_knows_the_id_of_a_conversation_does_not_continue_that_of_somebody_else() -> None:
    memory = Memory(Conversations(None), None, dict)
    asked = memory.recall(Question("How tight?", subject="anna", conversation_id="c"))
    memory.remember(asked, Answer("25 Nm", "extractive", "extractive", conversation_id="c"), None)
    said = (Message("user", "How tight?"), Message("assistant", "25 Nm"))
    for subject, history in (("anna", said), ("ben", ()), ("", ())):
        again = memory.recall(Question("And the others?", subject=subject, conversation_id="c"))
        assert again.history == history
        assert len(memory.read_turns(again)) == bool(history)
