"""Passages in order: words and vectors of whole passages, fused."""

from __future__ import annotations

from edge.retrieval.query import Query
from edge.retrieval.ranking import Candidate, rank_passages
from tests.guard.conftest import make_passage

QUERY = Query({"torqu": 2.0, "seal": 1.0})


def candidate(text: str, dense: float | None = None) -> Candidate:
    return Candidate(make_passage(text), tuple(text.split()), dense)


def test_the_passage_that_holds_more_of_the_query_comes_first() -> None:
    best, second = rank_passages([candidate("seal x"), candidate("torqu seal")], QUERY)
    assert best.passage.text == "torqu seal"
    assert best.keyword > second.keyword > 0
    assert best.tokens == {"torqu", "seal"}
    assert best.passage.score == 1.0 > second.passage.score


def test_a_passage_that_shares_no_word_is_found_by_meaning() -> None:
    found = rank_passages([candidate("torqu", dense=0.1), candidate("moment", dense=0.9)], QUERY)
    assert {r.passage.text: (r.keyword > 0, r.dense) for r in found} == {
        "torqu": (True, 0.1),
        "moment": (False, 0.9),
    }


def test_a_passage_that_neither_arm_found_is_none() -> None:
    assert [r.passage.text for r in rank_passages([candidate("x"), candidate("seal")], QUERY)] == ["seal"]


def test_no_candidates_have_no_order() -> None:
    assert rank_passages([], QUERY) == []
    assert rank_passages([candidate("seal")], Query({})) == []


def test_candidates_alike_keep_their_order() -> None:
    alike = [candidate("seal"), candidate("seal")]
    assert [r.passage for r in rank_passages(alike, QUERY)] == [
        r.passage for r in rank_passages(alike, QUERY)
    ]


def test_a_passage_of_a_pack_without_vectors_is_judged_by_its_words() -> None:
    found = rank_passages(
        [candidate("x", dense=0.2), candidate("y", dense=0.1), candidate("torqu seal")], QUERY
    )
    assert [r.passage.text for r in found] == ["torqu seal", "x", "y"]
