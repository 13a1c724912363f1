"""Which cells are taken, against a model that writes down every single cell."""

from __future__ import annotations

from itertools import count, takewhile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.engine.worker.sequences import Sequences

tokens = st.lists(st.integers(0, 1), min_size=1, max_size=6)
numbers = st.integers(0, 5)


class CellByCell(RuleBasedStateMachine):
    """Every sequence is a list of cells, every cell a number of its own with its token."""

    def __init__(self) -> None:
        super().__init__()
        self.sequences = Sequences()
        self.model: dict[int, list[tuple[int, int]]] = {}
        self.new_cell = count()

    @rule(sequence=numbers)
    def open(self, sequence: int) -> None:
        if sequence not in self.model:
            self.sequences.open(sequence)
            self.model[sequence] = []

    @precondition(lambda self: self.model)
    @rule(data=st.data(), added=tokens)
    def extend(self, data: st.DataObject, added: list[int]) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.model)))
        self.sequences.extend(sequence, added)
        self.model[sequence] += [(next(self.new_cell), token) for token in added]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), fork=numbers)
    def fork(self, data: st.DataObject, fork: int) -> None:
        source = data.draw(st.sampled_from(sorted(self.model)))
        if fork not in self.model:
            length = data.draw(st.integers(0, len(self.model[source])))
            self.sequences.fork(source, fork, length)
            self.model[fork] = self.model[source][:length]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.model)))
        length = data.draw(st.integers(0, len(self.model[sequence])))
        self.sequences.truncate(sequence, length)
        del self.model[sequence][length:]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.model)))
        self.sequences.close(sequence)
        del self.model[sequence]

    @rule(wanted=tokens)
    def the_longest_beginning_is_found(self, wanted: list[int]) -> None:
        common = {
            sequence: len(
                list(takewhile(lambda pair: pair[0][1] == pair[1], zip(cells, wanted, strict=False)))
            )
            for sequence, cells in self.model.items()
        }
        length, owners = self.sequences.find_longest(wanted)
        assert length == max(common.values(), default=0)
        assert all(common[owner] == length for owner in owners)
        assert bool(owners) == bool(length)

    @rule(some=st.sets(numbers))
    def cells_of_the_others_are_counted(self, some: set[int]) -> None:
        others = {cell for sequence, cells in self.model.items() if sequence not in some for cell in cells}
        assert self.sequences.count_cells_without(some) == len(others)

    @invariant()
    def every_cell_is_counted_once(self) -> None:
        assert self.sequences.cells == len({cell for cells in self.model.values() for cell in cells})

    @invariant()
    def every_sequence_has_its_tokens(self) -> None:
        for sequence, cells in self.model.items():
            assert self.sequences.get_tokens(sequence) == [token for _, token in cells]
            assert self.sequences.get_length(sequence) == len(cells)


TestCellByCell = CellByCell.TestCase
TestCellByCell.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


def test_a_shared_beginning_is_counted_once() -> None:
    sequences = Sequences()
    sequences.open(0)
    sequences.extend(0, range(100))
    sequences.fork(0, 1, 80)
    sequences.extend(1, range(5))
    assert sequences.cells == 105
    sequences.close(0)
    assert sequences.cells == 85


def test_a_thousand_short_questions_leave_no_splinters_in_the_prompt_they_share() -> None:
    sequences = Sequences()
    sequences.open(0)
    sequences.extend(0, range(1000))
    for length in range(1, 1000):
        sequences.fork(0, 1, length)
        sequences.extend(1, [-1, -2])
        sequences.close(1)
    assert sequences.cells == 1000
    assert len(sequences._root.children) == 1
    assert not sequences._root.children[0].children
