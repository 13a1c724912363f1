"""The reranker over real GGUFs without training (see rank_model.py)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from edge.app import make_reranker
from edge.config import Settings
from edge.engine.reranker import LlamaReranker, find_reranker
from edge.errors import EngineError, ModelError, NotFoundError
from edge.models.store import ModelStore
from tests.engine import rank_model
from tests.engine.rank_model import (
    TEMPLATE,
    forward,
    pair,
    reward_overlap,
    write_rank_model,
    write_template_model,
)

WORDS = "open close the vent screw valve pump by one turn bolts torque tighten grease bearing oil drain clear".split()
BY_CHANCE = rank_model.draw_weights(WORDS)
QUESTION = "tighten the pump bolts"
TEXTS = [
    "tighten bolts by one turn",
    "open the vent screw",
    "grease",
    "drain the oil clear the pump close the valve",
    "",
    "nobody knows these words",
]

Open = Callable[..., LlamaReranker]
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("rerankers")
    return lambda name, weights=BY_CHANCE, **options: write_rank_model(
        folder / name, WORDS, weights, **options
    )


@pytest.fixture(scope="module")
def by_chance(make: Make) -> Path:
    """Random weights."""
    return make("chance.gguf")


@pytest.fixture(scope="module")
def start() -> Iterator[Open]:
    """``start(path, threads=1)`` is a reranker, ended with the module."""
    with ExitStack() as stack:

        def call(path: Path, threads: int = 1) -> LlamaReranker:
            reranker = LlamaReranker(path, threads)
            stack.callback(reranker.close)
            return reranker

        yield call


@pytest.fixture(scope="module")
def reranker(start: Open, by_chance: Path) -> LlamaReranker:
    return start(by_chance)


# Scores


def test_scores_are_those_of_the_same_sums_in_numpy(reranker: LlamaReranker) -> None:
    expected = [forward(BY_CHANCE, pair(WORDS, QUESTION, text)) for text in TEXTS]
    assert reranker.score(QUESTION, TEXTS) == pytest.approx(expected, abs=2e-3)
    assert max(expected) - min(expected) > 0.5


def test_a_head_of_one_matrix_is_enough(start: Open, make: Make) -> None:
    weights = {name: value for name, value in BY_CHANCE.items() if name not in ("cls.weight", "cls.bias")}
    expected = [forward(weights, pair(WORDS, QUESTION, text)) for text in TEXTS]
    assert start(make("short-head.gguf", weights)).score(QUESTION, TEXTS) == pytest.approx(expected, abs=2e-3)


@examples(deadline=None, max_examples=25)
@given(data=st.data())
def test_the_more_words_are_shared_the_higher_the_score(
    overlapping: LlamaReranker, data: st.DataObject
) -> None:
    words = data.draw(st.permutations(WORDS))
    asked, others = words[:5], words[5:10]
    shared = range(len(asked) + 1)
    texts = [" ".join([*asked[:n], *others[n:]]) for n in shared]
    scores = overlapping.score(" ".join(asked), texts)
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)


@pytest.fixture(scope="module")
def overlapping(start: Open, make: Make) -> LlamaReranker:
    return start(make("overlap.gguf", reward_overlap(WORDS)))


@pytest.mark.parametrize("marks", [(True, False), (False, True), None], ids=["ends", "separates", "silent"])
def test_every_text_ends_as_in_training_whatever_the_file_says_about_it(
    reranker: LlamaReranker, start: Open, make: Make, marks: tuple[bool, bool] | None
) -> None:
    other = start(make(f"marks-{marks}.gguf", marks=marks))
    assert other.score(QUESTION, TEXTS) == reranker.score(QUESTION, TEXTS)


def test_some_are_trained_with_two_separators(start: Open, make: Make) -> None:
    """XLM-RoBERTa and its kin: ``<s> question </s></s> passage </s>``."""
    expected = [forward(BY_CHANCE, pair(WORDS, QUESTION, text, separators=2)) for text in TEXTS]
    two = start(make("two-separators.gguf", marks=(True, True)))
    assert two.score(QUESTION, TEXTS) == pytest.approx(expected, abs=2e-3)


# Language models that became rerankers


@pytest.fixture(scope="module")
def by_template(start: Open, tmp_path_factory: pytest.TempPathFactory) -> LlamaReranker:
    return start(write_template_model(tmp_path_factory.mktemp("templates") / "yes-or-no.gguf"))


def test_a_language_model_says_how_likely_yes_is(by_template: LlamaReranker) -> None:
    scores = by_template.score(QUESTION, TEXTS)
    assert all(0 < score < 1 for score in scores)
    assert len(set(scores)) == len(scores)
    assert [by_template.score(QUESTION, [text])[0] for text in TEXTS] == scores
    assert by_template.score(QUESTION[::-1], TEXTS) != scores


def test_a_long_passage_is_cut_before_the_template_is(by_template: LlamaReranker) -> None:
    start = "Oil. " * 60
    kept, cut, shorter = by_template.score(QUESTION, [start * 10, start * 20, start])
    assert kept == cut != shorter


def test_what_stands_in_a_template_is_put_in_once(start: Open, tmp_path: Path) -> None:
    only_query = TEMPLATE.replace("{document}", "{query}") + "{document}"
    swapped = start(write_template_model(tmp_path / "swapped.gguf", template=only_query))
    first, second = swapped.score("{document}", ["a", "b"])
    assert first != second
    assert swapped.score("a", ["{query}"]) != swapped.score("a", ["a"])


def test_a_template_without_a_place_for_the_passage_is_refused(start: Open, tmp_path: Path) -> None:
    path = write_template_model(tmp_path / "blind.gguf", template="{query}")
    with pytest.raises(EngineError, match=r"lacks \{query\} or \{document\}"):
        start(path).score(QUESTION, TEXTS)


def test_a_template_that_leaves_no_room_is_refused(start: Open, tmp_path: Path) -> None:
    path = write_template_model(tmp_path / "long.gguf", template=TEMPLATE + "Think. " * 100)
    with pytest.raises(EngineError, match="leaves no room for a passage"):
        start(path).score(QUESTION, TEXTS)


# A score depends on nothing else


def test_a_score_depends_on_question_and_text_alone(reranker: LlamaReranker) -> None:
    together = reranker.score(QUESTION, TEXTS)
    assert [reranker.score(QUESTION, [text])[0] for text in TEXTS] == together
    assert reranker.score(QUESTION, TEXTS[::-1]) == together[::-1]


def test_threads_change_no_bit(reranker: LlamaReranker, start: Open, by_chance: Path) -> None:
    assert start(by_chance, threads=2).score(QUESTION, TEXTS) == reranker.score(QUESTION, TEXTS)


def test_many_ask_at_once_and_each_gets_its_own(reranker: LlamaReranker) -> None:
    questions = [" ".join(WORDS[n : n + 3]) for n in range(12)]
    alone = [reranker.score(question, TEXTS) for question in questions]
    with ThreadPoolExecutor(12) as threads:
        together = list(threads.map(lambda question: reranker.score(question, TEXTS), questions * 3))
    assert together == alone * 3


# What does not fit


def test_long_passages_are_cut_where_a_sentence_ends(reranker: LlamaReranker) -> None:
    start = "Open the vent screw. " * 10
    assert rank_model.CONTEXT == 64
    kept, cut = reranker.score(QUESTION, [start.strip(), start + "Grease " * 40 + "."])
    assert kept == cut


def test_long_questions_leave_room_for_the_passage(reranker: LlamaReranker) -> None:
    first, second = reranker.score("tighten the bolts " * 1000, ["grease", "oil"])
    assert first != second


def test_nothing_stops_it(reranker: LlamaReranker) -> None:
    texts = ["", "🔧", "\ud800", "x" * 100_000, "oil " * 100_000, "[SEP] [CLS]", "{document}"]
    assert len(reranker.score("", texts)) == len(texts)
    assert reranker.score(QUESTION, []) == []


def test_marks_in_a_text_are_text(reranker: LlamaReranker) -> None:
    """A passage cannot end itself and begin another."""
    plain, marked = reranker.score(QUESTION, ["oil", "oil [SEP]"])
    assert plain != marked
    assert marked == pytest.approx(_unknown_tail("oil", reranker), abs=2e-3)


def _unknown_tail(word: str, reranker: LlamaReranker) -> float:
    # The tokenizer makes three words of it, none of which is known: "[", "sep", "]".
    return reranker.score(QUESTION, [f"{word} ? ? ?"])[0]


# Time


def test_without_time_nothing_is_read(reranker: LlamaReranker) -> None:
    assert reranker.score(QUESTION, TEXTS, 0.0) == []


def test_the_first_ones_are_read_in_the_time_there_is(start: Open, tmp_path: Path) -> None:
    weights = rank_model.draw_weights(WORDS, layers=6, width=256)
    slow = start(write_rank_model(tmp_path / "slow.gguf", WORDS, weights))
    texts = [" ".join(WORDS) * 2] * 64
    every = slow.score(QUESTION, texts)
    begin = time.perf_counter()
    slow.score(QUESTION, texts)
    whole = time.perf_counter() - begin
    done = slow.score(QUESTION, texts, whole / 3)
    assert 0 < len(done) < len(texts)
    assert done == every[: len(done)]
    assert slow.score(QUESTION, texts) == every


def test_what_is_not_read_in_time_costs_no_time(
    start: Open, by_chance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.engine.reranker.LATE_S", 60)
    slow = start(by_chance)
    texts = [" ".join(WORDS * 60)] * 800
    slow.score(QUESTION, texts[:1])
    begin = time.monotonic()
    assert len(slow.score(QUESTION, texts, 0.05)) < len(texts)
    assert time.monotonic() - begin < 1  # cutting all of them takes three seconds


def test_everybodys_first_passages_come_before_anybodys_last(start: Open, tmp_path: Path) -> None:
    weights = rank_model.draw_weights(WORDS, layers=6, width=256)
    slow = start(write_rank_model(tmp_path / "shared.gguf", WORDS, weights))
    slow.score(QUESTION, TEXTS)
    with ThreadPoolExecutor(2) as threads:
        many = threads.submit(slow.score, QUESTION, [" ".join(WORDS) * 2] * 200)
        assert len(slow.score(QUESTION, TEXTS)) == len(TEXTS)
        assert not many.done()
        assert len(many.result()) == 200


def test_one_that_is_not_ready_in_time_is_not_waited_for(start: Open, by_chance: Path) -> None:
    assert start(by_chance).score(QUESTION, TEXTS, 0.001) == []


def test_a_command_may_wait_until_it_is_ready_and_the_limit_is_for_reading_alone(by_chance: Path) -> None:
    with closing(LlamaReranker(by_chance, load_s=60)) as reranker:
        begin = time.monotonic()
        assert reranker.score(QUESTION, TEXTS, 0.0) == []
        assert time.monotonic() - begin > 0.05
        assert len(reranker.score(QUESTION, TEXTS, 60)) == len(TEXTS)
    with closing(LlamaReranker(by_chance, load_s=60)) as reranker:
        assert len(reranker.score(QUESTION, TEXTS, 5)) == len(TEXTS)
    with closing(LlamaReranker(by_chance, load_s=0.001)) as reranker:
        assert reranker.score(QUESTION, TEXTS, 0.001) == []


def test_one_that_hangs_is_not_waited_for(start: Open, by_chance: Path) -> None:
    reranker = start(by_chance)
    before = reranker.score(QUESTION, TEXTS)
    assert reranker.pid is not None
    os.kill(reranker.pid, signal.SIGSTOP)
    try:
        begin = time.perf_counter()
        with pytest.raises(EngineError, match="does not answer"):
            reranker.score(QUESTION, TEXTS, 0.1)
        assert time.perf_counter() - begin < 3
    finally:
        os.kill(reranker.pid, signal.SIGCONT)
    assert reranker.score(QUESTION, TEXTS) == before


# Death and bad models


def test_after_a_death_it_is_started_again(start: Open, by_chance: Path) -> None:
    reranker = start(by_chance)
    reranker.start()
    before = reranker.score(QUESTION, TEXTS)
    assert reranker.pid is not None
    os.kill(reranker.pid, signal.SIGKILL)
    with suppress(EngineError):  # unless the next one is there already
        reranker.score(QUESTION, TEXTS)
    assert reranker.score(QUESTION, TEXTS) == before


def test_whoever_waits_when_it_dies_gets_scores_or_an_error(start: Open, by_chance: Path) -> None:
    reranker = start(by_chance)
    before = reranker.score(QUESTION, TEXTS)

    def ask(n: int) -> bool:
        if n == 8 and reranker.pid:
            os.kill(reranker.pid, signal.SIGKILL)
        with suppress(EngineError):
            return reranker.score(QUESTION, TEXTS) == before
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(16)))
    assert reranker.score(QUESTION, TEXTS) == before


def test_a_language_model_does_not_rank(start: Open, model: Path) -> None:
    with pytest.raises(
        EngineError, match=r"chain\.gguf cannot be loaded: it is a language model, not a reranker"
    ):
        start(model).score(QUESTION, TEXTS)


def test_an_embedder_does_not_rank(start: Open, embedder_path: Path) -> None:
    with pytest.raises(EngineError, match="it is an embedder, not a reranker"):
        start(embedder_path).score(QUESTION, TEXTS)


def test_a_model_that_sorts_into_classes_does_not_rank(start: Open, make: Make) -> None:
    classes = {
        **BY_CHANCE,
        "cls.output.weight": BY_CHANCE["cls.weight"][:3],
        "cls.output.bias": BY_CHANCE["cls.bias"][:3],
    }
    path = make("classes.gguf", classes, labels=("entailment", "neutral", "contradiction"))
    with pytest.raises(EngineError, match="sorts texts into 3 classes"):
        start(path).score(QUESTION, TEXTS)


def test_a_head_that_gives_no_number_is_told(start: Open, make: Make) -> None:
    senseless = {**BY_CHANCE, "cls.output.bias": BY_CHANCE["cls.output.bias"] * float("nan")}
    with pytest.raises(EngineError, match="its scores are no numbers"):
        start(make("nan.gguf", senseless)).score(QUESTION, TEXTS)


def test_closing_twice_is_allowed(by_chance: Path) -> None:
    reranker = LlamaReranker(by_chance)
    reranker.close()
    reranker.close()
    with pytest.raises(EngineError, match="closed"):
        reranker.score(QUESTION, TEXTS)


# Which one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_without_one_there_is_none(settings: Settings) -> None:
    assert find_reranker(settings) is None


def test_the_installed_one_is_used_and_leaves_the_language_model_alone(
    settings: Settings, by_chance: Path, model: Path
) -> None:
    store = ModelStore(settings)
    store.add(by_chance)
    assert (find_reranker(settings), store.find_active()) == (settings.models_dir / "chance.gguf", None)
    store.add(model)
    assert store.find_active() == settings.models_dir / "chain.gguf"
    assert find_reranker(replace(settings, reranker="none")) is None
    store.remove("chance")
    assert (find_reranker(settings), store.find_active()) == (None, settings.models_dir / "chain.gguf")


def test_the_first_reranker_stays_until_another_is_chosen(
    settings: Settings, by_chance: Path, make: Make
) -> None:
    store = ModelStore(settings)
    store.add(by_chance)
    store.add(make("other.gguf"))
    assert find_reranker(settings) == settings.models_dir / "chance.gguf"
    store.use("other")
    assert find_reranker(settings) == settings.models_dir / "other.gguf"


def test_an_installed_one_that_was_changed_is_not_loaded(settings: Settings, by_chance: Path) -> None:
    path = ModelStore(settings).add(by_chance).path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    reranker = make_reranker(settings)
    assert reranker is not None
    with closing(reranker), pytest.raises(ModelError, match="is damaged"):
        reranker.score(QUESTION, TEXTS)


def test_one_can_be_named(settings: Settings, by_chance: Path, embedder_path: Path) -> None:
    assert find_reranker(replace(settings, reranker=str(by_chance))) == by_chance
    with pytest.raises(NotFoundError, match="does not exist"):
        find_reranker(replace(settings, reranker="missing.gguf"))
    with pytest.raises(ModelError, match="no ranking head") as error:
        find_reranker(replace(settings, reranker=str(embedder_path)))
    assert "none" in error.value.hint


def test_an_embedder_is_not_installed(settings: Settings, make: Make) -> None:
    headless = {name: value for name, value in BY_CHANCE.items() if not name.startswith("cls.")}
    for path in (make("embedder.gguf", pooling=gguf.PoolingType.MEAN), make("headless.gguf", headless)):
        with pytest.raises(ModelError, match="is an embedder"):
            ModelStore(settings).add(path)
