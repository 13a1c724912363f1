"""The order of passages with a second opinion: pure, with a scripted reranker, and with a real one in real search."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.reranker import LlamaReranker
from edge.engine.scripted import ScriptedReranker
from edge.errors import EngineError
from edge.packs.pack import Pack
from edge.retrieval.ranking import Ranked
from edge.retrieval.rerank import CANDIDATES, PATIENCE, PAUSE_S, Reranking, blend, format_passage
from edge.retrieval.retriever import Retriever
from edge.types import Evidence, Passage, Question
from tests.engine.rank_model import reward_overlap, write_rank_model

FUSED = st.lists(st.integers(0, 15_000), max_size=30).map(
    lambda scores: [score / 10_000 for score in sorted(scores, reverse=True)]  # as `ranked` rounds them
)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def found(*scores: float) -> list[Ranked]:
    """Passages named a, b, c … with these fused scores."""
    return [
        Ranked(
            Passage(
                "pumps", "1.0", "px-200.md", "", 1, 1, None, "", "abcdefghijklmnopqrstuvwxyzABCDEF"[n], score
            ),
            frozenset(),
            0.0,
            0.0,
        )
        for n, score in enumerate(scores)
    ]


def order(ranked: Sequence[Ranked]) -> str:
    return "".join(one.passage.text for one in ranked)


# Blending


def test_the_reranker_counts_more_than_the_search_and_does_not_count_alone() -> None:
    assert order(blend(found(1.0, 0.9, 0.1), [0.0, 0.1, 9.0])) == "cab"
    assert order(blend(found(1.0, 0.5, 0.0), [0.5, 0.4, 0.5])) == "acb"


def test_what_was_not_read_stays_behind_what_was() -> None:
    assert order(blend(found(0.9, 0.8, 0.7, 0.6), [-3.0, -1.0])) == "bacd"


@pytest.mark.parametrize("scores", [[], [1.0], [2.0, 2.0, 2.0]], ids=["none", "one", "all-the-same"])
def test_scores_that_say_nothing_change_nothing(scores: list[float]) -> None:
    best = found(0.9, 0.5, 0.4)
    assert blend(best, scores) == best


def test_where_the_search_sees_no_difference_the_reranker_decides() -> None:
    assert order(blend(found(0.5, 0.5, 0.5), [1.0, 3.0, 2.0])) == "bca"


@given(FUSED, st.lists(st.floats(-1e6, 1e6), max_size=30))
def test_every_passage_is_there_once_best_first_and_no_better_than_the_best_was(
    fused: list[float], scores: list[float]
) -> None:
    best, scores = found(*fused), scores[: len(fused)]
    again = blend(best, scores)
    assert sorted(order(again)) == sorted(order(best))
    values = [one.passage.score for one in again]
    assert values == sorted(values, reverse=True)
    assert all(min(fused) - 1e-4 <= value <= max(fused) + 1e-4 for value in values)
    assert order(again[len(scores) :]) == order(best[len(scores) :])


# Asking


def test_the_first_sixteen_are_read_under_their_headings_in_the_time_there_is() -> None:
    scripted, best = ScriptedReranker(len), found(*(1 - n / 100 for n in range(30)))
    Reranking(scripted, 0.15).order("why", best)
    assert scripted.asked == [("why", [one.passage.text for one in best[:CANDIDATES]], 0.15)]
    passage = Passage("pumps", "1.0", "px-200.md", "", 1, 1, None, "Pump > Torque", "8 Nm", 1.0)
    assert format_passage(passage) == "Pump > Torque\n8 Nm"


def test_it_may_take_all_the_time_it_needs() -> None:
    scripted = ScriptedReranker(len)
    Reranking(scripted, 0).order("why", found(0.9, 0.8))
    assert scripted.asked[0][2] is None


def test_one_passage_needs_no_order() -> None:
    scripted = ScriptedReranker(len)
    assert Reranking(scripted).order("why", found(0.9)) == found(0.9)
    assert scripted.asked == []


def test_one_that_fails_is_left_alone_for_a_while_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scripted, clock, best = ScriptedReranker(len), Clock(), found(0.9, 0.8)
    reranking = Reranking(scripted, 0.15, clock)
    scripted.failure = EngineError("It died.")
    with caplog.at_level(logging.WARNING):
        assert reranking.order("why", best) == best
    assert caplog.messages == ["The reranker scripted is not used for 60 s: It died."]
    assert reranking.order("why", best) == best
    assert len(scripted.asked) == 1
    scripted.failure, clock.now = None, PAUSE_S
    reranking.order("why", best)
    assert len(scripted.asked) == 2


def test_one_that_is_too_slow_again_and_again_is_left_alone_too(caplog: pytest.LogCaptureFixture) -> None:
    scripted, best = ScriptedReranker(len, reads=1), found(0.9, 0.8)
    reranking = Reranking(scripted, 0.15, Clock())
    for _ in range(PATIENCE - 1):
        reranking.order("why", best)
    scripted.reads = 2
    reranking.order("why", best)
    scripted.reads = 1
    for _ in range(PATIENCE + 5):
        assert reranking.order("why", best) == best
    assert len(scripted.asked) == 2 * PATIENCE
    assert "fewer than two passages in 150 ms, 3 times in a row" in caplog.text


# In search


@pytest.fixture
def search(pumps: Pack) -> Callable[..., Evidence]:
    """``search(question, reranker)``: by words, in the order of that reranker."""

    def call(text: str, reranker: ScriptedReranker | LlamaReranker | None = None, limit: int = 5) -> Evidence:
        reranking = Reranking(reranker) if reranker else None
        with closing(Retriever(lambda: [pumps], None, reranking)) as retriever:
            return retriever.search(Question(text), limit).evidence

    return call


def test_it_brings_up_what_was_found_further_down(search: Callable[..., Evidence]) -> None:
    before = search("tighten the housing bolts").passages
    assert "45 Nm" in before[0].text
    after = search("tighten the housing bolts", ScriptedReranker(lambda text: "25 Nm" in text)).passages
    assert "25 Nm" in after[0].text
    assert {passage.text for passage in after} == {passage.text for passage in before}
    assert [passage.score for passage in after] == sorted((p.score for p in after), reverse=True)


def test_a_code_that_was_looked_up_is_not_read_again(search: Callable[..., Evidence]) -> None:
    scripted = ScriptedReranker(len)
    assert search("E-207", scripted) == search("E-207")
    assert scripted.asked == []


def test_a_slip_is_corrected_before_it_reads_the_question(search: Callable[..., Evidence]) -> None:
    scripted = ScriptedReranker(len)
    search("tighten the huosing bolts", scripted)
    assert scripted.asked[0][0] == "tighten the housing bolts"


def test_a_real_one_reads_question_and_passage_together(
    search: Callable[..., Evidence], tmp_path: Path
) -> None:
    words = ["bearing", "grease", "grams"]
    path = write_rank_model(tmp_path / "overlap.gguf", words, reward_overlap(words))
    question = "grams of grease for the bearing, housing bolts tightened crosswise, coupling bolts tightened"
    assert "bolts" in search(question).passages[0].text
    with closing(LlamaReranker(path)) as reranker:
        assert "grease" in search(question, reranker).passages[0].text


def test_with_a_dead_one_everything_is_as_without(
    search: Callable[..., Evidence], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    question = "tighten the housing bolts"
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with closing(LlamaReranker(broken)) as reranker:
        assert search(question, reranker) == search(question)
    assert "broken.gguf cannot be loaded" in caplog.text
    words = ["housing", "bolts"]
    with closing(
        LlamaReranker(write_rank_model(tmp_path / "real.gguf", words, reward_overlap(words)))
    ) as reranker:
        reranker.score("ready?", ["yes"])
        assert reranker.pid is not None
        os.kill(reranker.pid, signal.SIGKILL)
        with suppress(EngineError):
            reranker.score("still there?", ["yes"])
        assert search(question, reranker).passages
