"""The tokens that the KV cache holds, for which sequences, and the cells they take. Pure: no llama.cpp in here.

A cell belongs to every sequence that was forked after it was computed, and is counted once. The cells form a tree of
segments; a sequence is a path from its root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet


class _Segment:
    """Cells in a row that the same sequences share."""

    __slots__ = ("children", "parent", "sequences", "tokens")

    def __init__(self, parent: _Segment | None, tokens: list[int], sequences: set[int]) -> None:
        self.parent, self.tokens, self.sequences = parent, tokens, sequences
        self.children: list[_Segment] = []
        if parent:
            parent.children.append(self)


class Sequences:
    """The sequences that are resident in the KV cache."""

    def __init__(self) -> None:
        self._root = _Segment(None, [], set())
        self._ends: dict[int, _Segment] = {}
        self._lengths: dict[int, int] = {}
        self.cells = 0
        """Cells that are taken, each counted once."""

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._ends

    def get_length(self, sequence: int) -> int:
        """Return the number of tokens of a sequence."""
        return self._lengths[sequence]

    def get_tokens(self, sequence: int) -> list[int]:
        """Return the tokens of a sequence."""
        segments = list(self._walk_up(sequence))
        return [token for segment in reversed(segments) for token in segment.tokens]

    def count_own_cells(self, sequence: int) -> int:
        """Count the cells that would be free without this sequence."""
        return sum(len(segment.tokens) for segment in self._walk_up(sequence) if len(segment.sequences) == 1)

    def count_cells_without(self, sequences: AbstractSet[int]) -> int:
        """Count the cells that would be taken without these sequences."""
        cells, segments = 0, [self._root]
        while segments:
            segment = segments.pop()
            cells += len(segment.tokens)
            segments += [child for child in segment.children if not child.sequences <= sequences]
        return cells

    def open(self, sequence: int) -> None:
        """Begin a sequence without tokens."""
        assert sequence not in self._ends
        self._ends[sequence], self._lengths[sequence] = self._root, 0

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        """Add tokens to the end of a sequence: so many more cells."""
        if not tokens:
            return
        end = self._ends[sequence]
        if end is not self._root and not end.children and len(end.sequences) == 1:
            end.tokens.extend(tokens)
        else:
            self._ends[sequence] = _Segment(end, list(tokens), {sequence})
        self._lengths[sequence] += len(tokens)
        self.cells += len(tokens)

    def fork(self, source: int, target: int, length: int) -> None:
        """Begin a sequence that shares the first ``length`` tokens of another: no more cells."""
        assert target not in self._ends
        end = self._cut(source, length)
        self._ends[target], self._lengths[target] = end, length
        while end is not self._root:
            end.sequences.add(target)
            assert end.parent
            end = end.parent

    def truncate(self, sequence: int, length: int) -> None:
        """Forget the tokens of a sequence from ``length`` on; frees the cells that no other sequence shares."""
        if length >= self._lengths[sequence]:
            return
        keep = self._cut(sequence, length)
        segment = self._ends[sequence]
        while segment is not keep:
            parent = segment.parent
            assert parent
            segment.sequences.discard(sequence)
            if not segment.sequences:
                self.cells -= len(segment.tokens)
                parent.children.remove(segment)
            else:
                self._join(segment)
            segment = parent
        self._ends[sequence], self._lengths[sequence] = keep, length
        self._join(keep)

    def close(self, sequence: int) -> None:
        """Forget a sequence."""
        self.truncate(sequence, 0)
        del self._ends[sequence], self._lengths[sequence]

    def find_longest(self, tokens: Sequence[int]) -> tuple[int, list[int]]:
        """Find how many of the first of these tokens are resident in one sequence, and the sequences that have them."""
        best, owners = 0, set[int]()
        candidates = [(self._root, 0)]
        while candidates:
            segment, position = candidates.pop()
            for child in segment.children:
                same = count_common(child.tokens, tokens, position)
                if position + same > best:
                    best, owners = position + same, child.sequences
                if same == len(child.tokens) and position + same < len(tokens):
                    candidates.append((child, position + same))
        return best, sorted(owners)

    def _walk_up(self, sequence: int) -> Iterator[_Segment]:
        """Yield the segments of a sequence from the end to the first."""
        segment = self._ends[sequence]
        while segment.parent:
            yield segment
            segment = segment.parent

    def _cut(self, sequence: int, length: int) -> _Segment:
        """Return the segment of a sequence that ends after ``length`` tokens, split off where there is none."""
        start = self._lengths[sequence]
        assert 0 <= length <= start
        for segment in self._walk_up(sequence):
            start -= len(segment.tokens)
            if start < length:
                return self._split(segment, length - start)
        return self._root

    def _split(self, segment: _Segment, length: int) -> _Segment:
        """Split off the first ``length`` tokens of a segment; the one itself keeps the rest, and its identity."""
        if length == len(segment.tokens):
            return segment
        parent = segment.parent
        assert parent
        head = _Segment(parent, segment.tokens[:length], set(segment.sequences))
        parent.children.remove(segment)
        segment.parent, segment.tokens = head, segment.tokens[length:]
        head.children.append(segment)
        return head

    def _join(self, segment: _Segment) -> None:
        """Undo a split that nobody needs any more: of a segment all of whose sequences go on in the same child."""
        if segment is self._root or len(segment.children) != 1:
            return
        child = segment.children[0]
        if child.sequences != segment.sequences:
            return
        child.tokens = segment.tokens + child.tokens
        child.parent = segment.parent
        assert segment.parent
        segment.parent.children.remove(segment)
        segment.parent.children.append(child)


def count_common(some: Sequence[int], tokens: Sequence[int], start: int = 0) -> int:
    """Count how many of the first of some tokens equal those from ``start`` on."""
    end = min(len(some), len(tokens) - start)
    if end <= 0 or some[0] != tokens[start]:
        return 0
    if some[:end] == tokens[start : start + end]:
        return end
    low, high = 1, end  # the first `low` are equal, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if some[low:middle] == tokens[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low
