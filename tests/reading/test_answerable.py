"""When the passages found answer the question, and when they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.reading.answerable import REFUSE_BELOW, Signals, compute_confidence, read_signals
from edge.retrieval.query import Query
from edge.retrieval.ranking import Ranked
from tests.guard.conftest import passage

QUERY = Query({"grea": 3.0, "bear": 2.0})


def found(text: str, tokens: str, dense: float = 0.5) -> Ranked:
    return Ranked(passage(text), frozenset(tokens.split()), 1.0, dense)


def told(question: str, query: Query, *best: Ranked) -> Signals:
    return read_signals(question, query, best)


def test_coverage_is_the_share_of_the_weight_that_a_passage_holds() -> None:
    assert told("grease the bearing", QUERY, found("x", "grea")).coverage == pytest.approx(3 / 5)
    assert told("grease the bearing", QUERY, found("x", "")).coverage == 0


def test_the_best_of_the_first_three_passages_counts() -> None:
    nothing, everything = found("x", ""), found("y", "grea bear")
    assert told("q", QUERY, nothing, nothing, everything).coverage == 1
    assert told("q", QUERY, nothing, nothing, nothing, everything).coverage == 0


def test_a_word_that_means_about_the_same_counts_in_part() -> None:
    query = replace(QUERY, related={"grea": {"lubric": 0.5, "oil": 0.2}})
    assert told("q", query, found("x", "bear lubric oil")).coverage == pytest.approx((2 + 0.5 * 3) / 5)


def test_numbers_are_counted_apart() -> None:
    query = Query({"grea": 3.0, "25": 4.0})
    assert told("q", query, found("x", "grea")).coverage == 1
    assert told("q", query, found("x", "grea")).numbers_missing == 1
    assert told("q", query, found("x", "grea 25")).numbers_missing == 0


def test_a_word_that_no_pack_holds_is_unknown_as_far_as_it_has_no_relative() -> None:
    query = replace(QUERY, unknown=frozenset({"grea"}))
    assert told("q", query, found("x", "bear")).unknown == 0.5
    related = replace(query, related={"grea": {"lubric": 0.8}})
    assert told("q", related, found("x", "bear")).unknown == pytest.approx(0.1)


def test_a_kind_of_quantity_that_no_first_passage_states_is_missing() -> None:
    question = "how heavy is the motor"
    assert told(question, QUERY, found("The motor is large.", "motor")).quantity_missing == 1
    assert told(question, QUERY, found("The motor weighs 25 kg.", "motor")).quantity_missing == 0
    assert told("which motor", QUERY, found("The motor is large.", "motor")).quantity_missing == 0


def test_evidence_makes_an_answer_likelier() -> None:
    good = [found("Grease the bearing.", "grea bear", 0.7), *[found("z", "", 0.1)] * 7]
    poor = [found("The lid is red.", "lid", 0.2), *[found("z", "", 0.19)] * 7]
    assert compute_confidence("grease the bearing", QUERY, good) > 0.9
    assert compute_confidence("grease the bearing", QUERY, poor) < REFUSE_BELOW


def test_nothing_found_answers_nothing() -> None:
    assert compute_confidence("grease the bearing", QUERY, []) == 0


def test_a_bare_code_that_stands_in_the_passage_is_looked_up() -> None:
    query = Query({"e": 2.0, "207": 3.0, "#e207": 5.0})
    assert compute_confidence("E-207", query, [found("x", "#e207")]) == 1
    assert compute_confidence("E-207", query, [found("x", "e")]) < 1


def test_a_thousand_numbers_are_no_error() -> None:
    query = Query({str(n): 1.0 for n in range(1000)})
    assert compute_confidence("numbers", query, [found("x", "")]) == pytest.approx(0)


def test_a_code_that_no_first_passage_holds_is_missing() -> None:
    assert told("what is E-207", QUERY, found("x", "e 207")).codes_missing == 1
    assert told("what is E-207", QUERY, found("x", "#e207")).codes_missing == 0
    assert told("what is 400V", QUERY, found("x", "")).codes_missing == 0
