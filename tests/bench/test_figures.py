from __future__ import annotations

import pytest

from tests.bench.figures import Figure, compute_percentile, format_table
from tests.bench.judged import score
from tests.bench.peer import PlainBm25


def test_a_figure_stands_beside_its_peer_and_its_target() -> None:
    figure = Figure("hit@1", 0.8, "", ">= 0.75", 0.5)
    assert (figure.ratio, figure.met) == (1.6, True)
    assert Figure("p95", 41.0, "ms", "<= 40").met is False
    assert Figure("p50", 41.0, "ms").met is None


def test_the_table_has_a_column_for_each() -> None:
    lines = format_table([Figure("query p95", 50.0, "ms", "<= 40", 100.0)]).splitlines()
    assert lines[0].split() == ["NAME", "VALUE", "UNIT", "TARGET", "PEER", "RATIO"]
    assert lines[1].split() == ["query", "p95", "50.0", "ms", "<=", "40", "MISSED", "100.0", "0.500"]


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert compute_percentile(range(1, 101), 95) == 96
    assert compute_percentile([7.0], 50) == 7.0


def test_ndcg_counts_gains_by_rank() -> None:
    assert score(["a", "b"], {"a": 3, "b": 1}).ndcg == 1.0
    assert score(["b", "a"], {"a": 3, "b": 1}).ndcg == pytest.approx((1 + 3 / 1.58496) / (3 + 1 / 1.58496))
    assert score(["x"], {"a": 1}).ndcg == 0.0


def test_a_hit_is_a_judged_document_in_first_place() -> None:
    assert score(["a"], {"a": 1}).hit
    assert not score(["x", "a"], {"a": 1}).hit
    assert not score([], {"a": 1}).hit


def test_the_peer_ranks_by_words_that_carry_meaning() -> None:
    plain = PlainBm25({1: "the valve is open", 2: "the pump is on", 3: "a fuse has blown"})
    assert plain.rank("what is it with the pump", limit=2)[0] == 2
