"""One request inside the worker: its tokens, how far they are computed, and what went back to the parent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge.engine.interface import Sampling
from edge.engine.process.frames import Frame
from edge.engine.worker.lookup import Guesser
from edge.engine.worker.sampler import Sampler
from edge.engine.worker.stop import TextStream

Send = Callable[[Frame], None]


@dataclass(slots=True, eq=False)
class Request:
    """A prompt to be answered, or only to be computed.

    Args:
        number: of the request, given by the parent.
        tokens: prompt, and the answer as far as it is there.
        limit: tokens of the answer; 0 for a prompt that is only computed.
        sampling: how tokens are chosen.

    While ``leader`` computes the ``shared`` tokens that it begins with, too, a request waits.
    """

    number: int
    tokens: list[int]
    limit: int
    sampling: Sampling
    prompt: int = 0
    computed: int = 0
    reused: int | None = None
    steps: int = 0
    sequence: int = -1
    leader: Request | None = None
    shared: int = 0
    sampler: Sampler | None = None
    guesser: Guesser | None = None
    stream: TextStream = field(default_factory=TextStream)
    logprobs: list[Any] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self.prompt = len(self.tokens)
        self.stream = TextStream(self.sampling.stop)

    @property
    def pending(self) -> int:
        """Tokens to compute before the next one can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def written(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - self.prompt

    def make_last_frame(self, reason: str) -> Frame:
        """Make the last frame: why the request ended and what it cost."""
        return {
            "id": self.number,
            "done": {
                "reason": reason,
                "prompt_tokens": self.prompt,
                "reused_tokens": self.reused or 0,
                "tokens": self.written,
                "steps": self.steps,
            },
        }
