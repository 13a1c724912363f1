"""The sequences in the KV cache, running and idle: who shares whose beginning, and who goes when cells run out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge.engine.worker.context import SharedContext
from edge.engine.worker.sequences import Sequences

MUCH_LONGER = 32
"""A stored beginning is worth loading when it is so many tokens longer than the resident one."""


class Prefixes(Protocol):
    """Beginnings of prompts that are kept outside of this process. Called from one thread only."""

    def count_stored(self, tokens: Sequence[int]) -> int:
        """Count how many of the first of these tokens are kept."""
        ...

    def load(self, tokens: Sequence[int], sequence: int) -> int:
        """Bring them into an empty sequence; how many it holds then, 0 where it failed."""
        ...

    def offer(self, tokens: Sequence[int], sequence: int) -> None:
        """Keep this sequence, which holds these tokens, if it is worth it."""
        ...


class Resident:
    """Hands out sequences that begin like a prompt, and takes them back.

    Args:
        context: whose cache it is.
        sequences: how many there may be, running and idle.
        prefixes: beginnings kept elsewhere.
    """

    def __init__(self, context: SharedContext, sequences: int, prefixes: Prefixes | None = None) -> None:
        self._context, self.prefixes = context, prefixes
        self._tree = Sequences()
        self._free = list(range(sequences))[::-1]
        self._idle: dict[int, None] = {}  # the one not used for longest first
        self._offers: dict[int, None] = {}

    @property
    def free_cells(self) -> int:
        """Cells that hold nothing."""
        return self._context.cells - self._tree.cells

    def count_running_cells(self) -> int:
        """Count the cells that stay when all idle sequences go."""
        return self._tree.count_cells_without(self._idle.keys())

    def count_resident(self, tokens: Sequence[int]) -> int:
        """Count how many of the first of these tokens are resident and can be shared."""
        return self._find_best(tokens[:-1])[0]

    def take(self, tokens: Sequence[int]) -> tuple[int, int]:
        """Take a sequence that holds as many as possible of the first of these tokens, and return how many these are.

        At least the last token is left to compute. There must be a sequence that does not run.
        """
        length, owner = self._find_best(tokens[:-1])
        stored = self.prefixes.count_stored(tokens[:-1]) if self.prefixes else 0
        if stored > length + MUCH_LONGER:
            if loaded := self._load(tokens[:stored]):
                return loaded
            length, owner = self._find_best(tokens[:-1])
        if owner is not None and owner in self._idle and self._tree.get_length(owner) == length:
            self._wake(owner)
            return owner, length
        sequence = self._take_number(keep=owner)
        if sequence is None:  # the owner is the only one that does not run
            assert owner is not None
            self._shorten(owner, length)
            return owner, length
        if owner is None:
            self._tree.open(sequence)
            return sequence, 0
        self._touch(owner)
        self._tree.fork(owner, sequence, length)
        self._context.share(owner, sequence, length)
        return sequence, length

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        """Record that these tokens were computed at the end of a sequence."""
        self._tree.extend(sequence, tokens)

    def rest(self, sequence: int) -> None:
        """Put a sequence to rest: nobody runs it, and it stays as a beginning for others until its cells are needed."""
        if not self._tree.get_length(sequence):
            self.drop(sequence)
            return
        self._idle[sequence] = None
        self._offers[sequence] = None

    def drop(self, sequence: int) -> None:
        """Forget a sequence."""
        self._context.forget(sequence)
        self._tree.close(sequence)
        self._idle.pop(sequence, None)
        self._offers.pop(sequence, None)
        self._free.append(sequence)

    def make_room(self, cells: int) -> bool:
        """Forget idle sequences, the one not used for longest first, until so many cells are free."""
        while self.free_cells < cells and self._idle:
            self.drop(next(iter(self._idle)))
        return self.free_cells >= cells

    def trim(self) -> None:
        """Forget the idle sequences once they are so many that they slow the running ones down.

        All of them: a run looks at every cell up to the last one in use, and the youngest sequences lie there.
        """
        if self._tree.cells - self.count_running_cells() > self._context.idle_cells:
            for sequence in list(self._idle):
                self.drop(sequence)

    def offer(self) -> bool:
        """Offer one sequence that came to rest to be kept elsewhere; whether there was one."""
        while self._offers:
            sequence = next(iter(self._offers))
            del self._offers[sequence]
            if self.prefixes and sequence in self._idle:
                self.prefixes.offer(self._tree.get_tokens(sequence), sequence)
                return True
        return False

    def _find_best(self, tokens: Sequence[int]) -> tuple[int, int | None]:
        length, owners = self._tree.find_longest(tokens)
        if not self._context.forgets:  # only a whole sequence is of use, to one that takes it over
            owners = [
                owner for owner in owners if owner in self._idle and self._tree.get_length(owner) == length
            ]
        if not owners or not length:
            return 0, None
        whole = [owner for owner in owners if owner in self._idle and self._tree.get_length(owner) == length]
        return length, (whole or owners)[0]

    def _take_number(self, keep: int | None = None) -> int | None:
        """Take the number of a new sequence, at the price of the idle one that was not used for longest."""
        if not self._free:
            oldest = next((sequence for sequence in self._idle if sequence != keep), None)
            if oldest is None:
                return None
            self.drop(oldest)
        return self._free.pop()

    def _load(self, tokens: Sequence[int]) -> tuple[int, int] | None:
        """Load a sequence with tokens that were kept elsewhere."""
        assert self.prefixes
        sequence = self._take_number() if self.make_room(len(tokens)) else None
        if sequence is None:
            return None
        self._tree.open(sequence)
        loaded = self.prefixes.load(tokens, sequence)
        self._tree.extend(sequence, tokens[:loaded])
        if not loaded:
            self.drop(sequence)
            return None
        return sequence, loaded

    def _shorten(self, sequence: int, length: int) -> None:
        """Take an idle sequence over as far as it is of use."""
        self._wake(sequence)
        self._context.forget(sequence, length)
        self._tree.truncate(sequence, length)

    def _wake(self, sequence: int) -> None:
        del self._idle[sequence]
        self._offers.pop(sequence, None)

    def _touch(self, sequence: int) -> None:
        if sequence in self._idle:
            del self._idle[sequence]
            self._idle[sequence] = None
