"""The values that travel between stages: frozen, slotted, free of behaviour that does I/O.

A turn reads top to bottom here: a ``Question`` becomes ``Passage``s, these become a ``Prompt``, an engine streams
text, the guards turn it into an ``Answer``, and whoever asked sees the ``Event``s on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DIMENSIONS = 384
"""Of every vector: those of both embedders have as many."""

Role = Literal["system", "user", "assistant"]
Mode = Literal["generated", "extractive", "faq", "clarify", "refused"]
EXTRACTIVE = "extractive"
"""The name that stands for no engine: the manual is quoted."""

ChunkKind = Literal["text", "steps", "table", "code", "warning"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation or of a prompt."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asked, and where the answer may come from.

    ``equipment`` is the model the technician stands in front of; ``packs`` restricts the search to packs by name;
    ``engine`` overrides the configured engine for this question. ``remember`` keeps it, where conversations are kept.
    ``subject`` is who asks, for the audit log; empty for whoever the settings name.
    """

    text: str
    history: tuple[Message, ...] = ()
    equipment: str | None = None
    packs: tuple[str, ...] = ()
    engine: str | None = None
    conversation_id: str | None = None
    remember: bool = True
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, as fractions of its width and height from the top left corner (0 to 1)."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A readable stretch of one document, found for a question.

    ``page_from`` and ``page_to`` are 1-based positions in the file, ``page_label`` is what is printed on the first
    of them where that differs. ``place`` is where it stands in a file without pages: ``#reset`` (an anchor) or
    ``row 17``. ``is_doubtful`` means that a value in it was read from a scan, and not for sure. ``score`` is the fused
    relevance (0 to about 1.5), comparable within one answer only. ``kind`` is that of the chunk that was found;
    ``chunks`` are the ids of all chunks merged into ``text``. ``closeness`` is the cosine of each of its
    ``text.units`` to the question, by the unit's text; ``chance`` is that of holding the answer (0 to 1), once the
    passage has been read.
    """

    pack: str
    version: str
    document: str
    title: str
    page_from: int
    page_to: int
    page_label: str | None
    heading: str
    text: str
    score: float
    kind: ChunkKind = "text"
    signed: bool = False
    boxes: tuple[Box, ...] = ()
    chunks: tuple[int, ...] = ()
    closeness: Mapping[str, float] = field(default_factory=dict)
    place: str = ""
    is_doubtful: bool = False
    chance: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What retrieval found: passages best first, and the query they were found with.

    ``missing`` are codes of the question, as it writes them, that nothing searched mentions.
    """

    query: str
    passages: tuple[Passage, ...]
    corrections: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything an engine may use: the messages for a language model, and the parts they were made of.

    ``labels`` leads from the numbers that passages have in the messages to their numbers in ``passages`` (from 1); None
    where both are the same.
    """

    question: str
    passages: tuple[Passage, ...]
    messages: tuple[Message, ...]
    max_tokens: int
    labels: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """Passage number ``n`` of an answer."""

    n: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Warning:
    """A safety warning that applies, word for word, and the citation it stands in."""

    text: str
    citation: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things that a question may mean, and the citation that answers it."""

    label: str
    citation: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished turn, in the shape every surface shows it.

    ``unverified`` lists values and codes that the engine produced and no cited passage contains; the text does not
    state them. ``confidence`` is the calibrated probability (0 to 1) that the passages found answer the question.
    ``choices`` are there when edge asks back. ``notice`` is a sentence for the reader about how the answer came about
    (a fallback, say). ``receipt`` names the row of the audit log.
    """

    text: str
    mode: Mode
    engine: str
    citations: tuple[Citation, ...] = ()
    warnings: tuple[Warning, ...] = ()
    unverified: tuple[str, ...] = ()
    conversation_id: str = ""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    notice: str | None = None
    confidence: float = 0.0
    receipt: str = ""

    @property
    def refused(self) -> bool:
        """True if the packs did not answer the question."""
        return self.mode == "refused"


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """The passages are known; nothing has been written yet."""

    evidence: Evidence
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class Quoted:
    """The quoted answer, to be read while a language model still writes; ``Answered`` replaces it."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class TokenStreamed:
    """A piece of provisional text, not yet checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The checked answer; the last event of a turn."""

    answer: Answer


Event = EvidenceFound | Quoted | TokenStreamed | Answered


def never() -> bool:
    """Return False: the ``cancelled`` of a request nobody can cancel."""
    return False
