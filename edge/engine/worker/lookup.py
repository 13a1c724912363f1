"""Guesses the next tokens of an answer that quotes: what followed the last time these tokens were seen, in the prompt
or in the answer (prompt-lookup decoding). Pure; the scheduler has the model check every guess.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

LONGEST, SHORTEST = 4, 2
"""So many of the last tokens must have been seen before; the more, the likelier the guess."""

LIMIT = 16
"""Tokens guessed at once, at most."""

HOPE = 0.8
"""Likelihood of a guessed token before any was checked."""

GAIN, LOSS, RECOVERY = 0.2, 0.7, 0.01

LONGEST_PAUSE = 64
"""Chances to guess that are left out at most, after guesses that failed from their first token on."""


def choose_length(likelihood: float, row_cost: float, limit: int, rows: int = 1) -> int:
    """Choose how many tokens to guess, so that most tokens come out of the time.

    Args:
        likelihood: of a guessed token, given that those before it were right.
        row_cost: of one more row in the step, relative to the step.
        limit: the most there may be.
        rows: sequences in the step; a guess helps only one of them.
    """
    best, best_rate, expected, chance = 0, 1.0, 0.0, 1.0
    for count in range(1, limit + 1):
        chance *= likelihood
        expected += chance
        rate = (1 + expected / rows) / (1 + row_cost * count)
        if rate > best_rate:
            best, best_rate = count, rate
    return best


class Guesser:
    """The history of one request, and how often its guesses were right."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._history = bytearray(array("i", prompt).tobytes())
        self._likelihoods = [HOPE] * (LONGEST + 1)  # by tokens that matched
        self._matched = self._failures = self._pause = 0

    def add(self, token: int) -> None:
        """Add a token of the answer."""
        self._history += array("i", (token,)).tobytes()

    def guess(self, limit: int, row_cost: float, rows: int) -> list[int]:
        """Guess what comes next, most often nothing. See `choose_length` for the arguments."""
        if self._pause:
            self._pause -= 1
            return []
        for matched in range(LONGEST, SHORTEST - 1, -1):
            start = self._find_earlier(matched)
            if start >= 0:
                break
        else:
            return []
        self._matched = matched
        count = choose_length(self._likelihoods[matched], row_cost, min(limit, LIMIT), rows)
        if not count:
            self._likelihoods[matched] = min(HOPE, self._likelihoods[matched] + RECOVERY)
        found = array("i")
        found.frombytes(self._history[start : start + 4 * count])
        return list(found)

    def learn(self, guessed: int, right: int) -> None:
        """Learn from a guess of so many tokens, of which the first ``right`` were what the model said."""
        self._failures = 0 if right else self._failures + 1
        self._pause = 0 if right else min(2**self._failures, LONGEST_PAUSE)
        likelihood = self._likelihoods[self._matched]
        for _ in range(right):
            likelihood += GAIN * (1 - likelihood)
        if right < guessed:
            likelihood *= LOSS
        self._likelihoods[self._matched] = likelihood

    def _find_earlier(self, count: int) -> int:
        """Find in the history what followed the last tokens when they were seen before; -1 for nowhere."""
        history, size = self._history, 4 * count
        pattern = bytes(history[-size:])
        if len(pattern) < size:
            return -1
        found = len(history) - 1
        while (found := history.rfind(pattern, 0, found)) >= 0:
            if found % 4 == 0:
                return found + size
            found += size - 1  # between two tokens: the next one must end before this one does
        return -1
