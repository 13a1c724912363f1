"""Follow-up questions made to stand alone, without a language model: they carry the topic of the conversation. Pure.

"And how long does that take?" names nothing; the words of the question before it do. A question that names enough
itself starts a new topic and carries nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.text.words import STOP_WORDS, find_content_words, split_words
from edge.types import Message

# Words that point back at something said before.
_POINTERS = frozenset(
    """it its that this those these they them their there he she one ones same other then""".split()
)
_POINTING_OPENINGS = (
    "and ",
    "but ",
    "or ",
    "so ",
    "then ",
    "what about",
    "how about",
    "what if",
    "ok ",
    "also ",
)

SELF_CONTAINED_WORDS = 3
"""A question with this many words of its own that points back at nothing needs no topic."""
POINTING_WORDS = 6
"""With this many, it needs none even if it says "it" or "then" somewhere."""


def make_standalone(question: str, history: Sequence[Message]) -> str:
    """Return the question, with the words of the last user turns that it leaves out put in front when it needs them."""
    if not needs_topic(question):
        return question
    own = set(split_words(question))
    topic: list[str] = []
    for message in reversed([m for m in history if m.role == "user"]):
        topic = [word for word in find_content_words(message.content) if word not in own] + topic
        if not needs_topic(message.content):
            break
    return f"{' '.join(dict.fromkeys(topic))} {question}" if topic else question


def needs_topic(question: str) -> bool:
    """Tell whether the question points back at an earlier turn, or names too little to stand alone."""
    spoken = split_words(question)
    own = [word for word in spoken if word not in STOP_WORDS]
    if len(own) < 2 or question.lower().lstrip().startswith(_POINTING_OPENINGS):
        return True
    points_back = any(word in _POINTERS for word in spoken)
    return len(own) < (POINTING_WORDS if points_back else SELF_CONTAINED_WORDS)
