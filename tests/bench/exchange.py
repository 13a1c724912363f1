"""One answer as it was seen from outside, and many of them at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Exchange:
    """When a request was sent, its first text came and it ended (seconds of one clock), and its tokens."""

    sent: float
    first: float
    end: float
    prompt_tokens: int
    reused_tokens: int
    tokens: int
    steps: int = 0

    @property
    def first_token_s(self) -> float:
        """How long somebody waits for the first text."""
        return self.first - self.sent

    @property
    def decode_rate(self) -> float:
        """Tokens a second once the first one is there."""
        return (self.tokens - 1) / (self.end - self.first)


Ask = Callable[[Sequence[Message]], Exchange]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Requests that were made at the same time."""

    exchanges: tuple[Exchange, ...]

    @property
    def wall_s(self) -> float:
        """From the first request to the last end."""
        return max(e.end for e in self.exchanges) - min(e.sent for e in self.exchanges)

    @property
    def rate(self) -> float:
        """Tokens a second, all answers together."""
        return sum(e.tokens for e in self.exchanges) / self.wall_s

    @property
    def first_token_s(self) -> float:
        """The median wait for the first text."""
        return median(e.first_token_s for e in self.exchanges)


def ask_at_once(ask: Ask, prompts: Sequence[Sequence[Message]]) -> Crowd:
    """Make all requests at the same time."""
    with ThreadPoolExecutor(len(prompts)) as pool:
        return Crowd(tuple(pool.map(ask, prompts)))


def read_processor_seconds(pid: int) -> float:
    """Read what a process has computed, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
