"""Who gets how much of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.worker.plan import ALONE_S, SMALLEST, STEP_S, StepCost, compute_prompt_budget, share


def measured(row_s: float, run_s: float) -> StepCost:
    cost = StepCost()
    for _ in range(100):
        cost.add(1, run_s + row_s, prompts=False)
        cost.add(128, run_s + 128 * row_s, prompts=True)
    return cost


def test_the_oldest_is_read_first_when_prompts_are_alike() -> None:
    assert share([1000, 1000, 1000], 512) == [512, 0, 0]
    assert share([488, 1000, 1000], 512) == [488, 24, 0]


def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    assert share([4000, 60], 512) == [452, 60]


def test_a_long_prompt_is_not_starved_by_short_ones() -> None:
    assert share([4000, *[60] * 50], 512)[0] >= 256


@given(st.lists(st.integers(1, 5000), max_size=64), st.integers(0, 600))
def test_the_budget_is_spent_and_nobody_gets_more_than_there_is(remaining: list[int], budget: int) -> None:
    parts = share(remaining, budget)
    assert sum(parts) == min(budget, sum(remaining))
    assert all(0 <= part <= rest for part, rest in zip(parts, remaining, strict=True))


def test_the_cost_of_a_row_is_learnt() -> None:
    cost = measured(row_s=0.002, run_s=0.01)
    assert 0.0019 < cost.row_s < 0.0021
    assert 0.01 < cost.estimate_step_s(1) < 0.013


def test_nothing_measured_means_no_bound() -> None:
    assert compute_prompt_budget(StepCost(), 0, 512) == 512
    assert compute_prompt_budget(StepCost(), 10, 512) == 502


def test_a_run_does_not_keep_readers_waiting() -> None:
    cost = measured(row_s=0.002, run_s=0.01)
    budget = compute_prompt_budget(cost, 4, 512)
    assert 0.8 * STEP_S < cost.estimate_step_s(4 + budget) < 1.2 * STEP_S


def test_on_a_slow_machine_answers_and_prompts_both_go_on() -> None:
    cost = measured(row_s=0.08, run_s=0.1)
    assert compute_prompt_budget(cost, 1, 512) == SMALLEST
    assert cost.estimate_step_s(1 + SMALLEST) < 5


def test_prompts_alone_take_a_full_run_unless_that_takes_long() -> None:
    assert compute_prompt_budget(measured(row_s=0.002, run_s=0.01), 0, 512) == 512
    assert compute_prompt_budget(measured(row_s=0.02, run_s=0.1), 0, 512) == pytest.approx(
        ALONE_S / 0.02, rel=0.1
    )


def test_there_is_never_a_budget_beyond_the_batch() -> None:
    assert compute_prompt_budget(StepCost(), 512, 512) == 0
    assert compute_prompt_budget(measured(row_s=1, run_s=1), 505, 512) <= 7
