"""A question in, evidence out: over real packs, with the real embedder, with a made-up one, and without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.engine.embedder import LlamaEmbedder
from edge.engine.interface import Embedder, Vectors
from edge.engine.scripted import ScriptedEmbedder
from edge.errors import EngineError, NotFoundError, NothingInstalledError
from edge.ingest.build import build
from edge.packs.pack import Pack
from edge.retrieval.ranking import is_lookup
from edge.retrieval.retriever import MAX_UNKNOWN, Retriever
from edge.types import Evidence, Message, Question
from tests.conftest import OpenPack

Make = Callable[..., Retriever]
HOSTILE = st.text(alphabet="\"'*^():{}+-,.; ANDORTEa\0\n\ud800\U0001f600é") | st.text()
OPERATORS = (
    '"', "' OR 1=1 --", "bolt AND", "NEAR(bolts torque, 2)", "NOT", "* ^bolts*", "((((", "{heading} : bolts", "\0",
    "bolts\0torque", "\U0001f527\U0001f529", "w" * 20_000, "-", "e-" * 5_000, "a " * 5_000,
    " ".join(map(str, range(2_000))), "٣ ½ ² ⅷ", "¿?", "",
)  # fmt: skip


class FailingEmbedder(ScriptedEmbedder):
    """An embedder whose process died."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise EngineError("The embedder died.")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise EngineError("The embedder died.")


@pytest.fixture(scope="module")
def make() -> Iterator[Make]:
    """``make(pack, …, embedder=…)`` is a retriever over these packs."""
    with ExitStack() as stack:

        def call(*packs: Pack, embedder: Embedder | None = None) -> Retriever:
            made = Retriever(lambda: packs, embedder)
            stack.callback(made.close)
            return made

        yield call


@pytest.fixture(scope="module")
def by_words(make: Make, pumps: Pack) -> Retriever:
    return make(pumps)


@pytest.fixture(scope="module")
def by_both(make: Make, pumps_by_meaning: Pack, embedder: LlamaEmbedder) -> Retriever:
    return make(pumps_by_meaning, embedder=embedder)


def best(evidence: Evidence) -> str:
    return evidence.passages[0].text


def ask(retriever: Retriever, text: str, limit: int = 5, **more: object) -> Evidence:
    return retriever.search(Question(text, **more), limit).evidence  # type: ignore[arg-type]


# Finding


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What torque do the coupling bolts need?", "8 Nm"),
        ("how do I get the air out of the pump", "vent screw"),
        ("what is E-207", "blocked condensate drain"),
        ("how much lubricant per year for the bearing", "12 grams"),
        ("make sure that there is no voltage at the terminals", "terminals are dead"),
    ],
)
def test_the_passage_that_answers_comes_first(by_both: Retriever, question: str, answer: str) -> None:
    assert answer in best(ask(by_both, question))


@pytest.mark.parametrize("spelling", ["E-207", "e207", "E 207", "e 207"])
def test_e_207_e207_and_e_space_207_meet(by_words: Retriever, spelling: str) -> None:
    assert "E-207 | blocked" in best(ask(by_words, f"what does {spelling} mean"))


def test_passages_come_best_first_and_no_more_than_asked(by_both: Retriever) -> None:
    scores = [passage.score for passage in ask(by_both, "housing bolts", limit=3).passages]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3
    assert all(0 <= score <= 1.5 for score in scores)


def test_nothing_in_common_finds_nothing_by_words(by_words: Retriever) -> None:
    evidence = ask(by_words, "zebra giraffe")
    assert evidence.passages == ()


def test_the_same_question_gets_the_same_evidence(by_both: Retriever) -> None:
    assert ask(by_both, "housing bolts") == ask(by_both, "housing bolts")


# Scope


def test_documents_for_other_equipment_are_never_returned_not_even_when_they_match_better(
    by_both: Retriever, pumps_by_meaning: Pack
) -> None:
    question = "The housing bolts are tightened crosswise to 25 Nm. The coupling bolts are tightened to 8 Nm."
    assert ask(by_both, question).passages[0].document == "px-200.md"
    evidence = ask(by_both, question, limit=100, equipment="PX-300")
    assert {passage.document for passage in evidence.passages} == {"isolation.md", "px-300.md"}


def test_only_the_packs_named_are_searched(make: Make, pumps: Pack, open_pack: OpenPack) -> None:
    other = open_pack({"a.md": "# Doors\n\nThe housing bolts of the door are loose."}, name="doors")
    retriever = make(pumps, other)
    assert {p.pack for p in ask(retriever, "housing bolts", limit=100).passages} == {"doors", "pumps"}
    assert {p.pack for p in ask(retriever, "housing bolts", packs=("doors",)).passages} == {"doors"}


def test_a_pack_named_twice_gives_every_passage_once(by_words: Retriever) -> None:
    chunks = [p.chunks for p in ask(by_words, "bolts", packs=("pumps", "pumps"), limit=100).passages]
    assert len(chunks) == len(set(chunks))


def test_what_is_not_installed_is_said(make: Make, by_words: Retriever) -> None:
    with pytest.raises(NothingInstalledError):
        ask(make(), "bolts")
    with pytest.raises(NotFoundError, match="valves"):
        ask(by_words, "bolts", packs=("valves",))
    with pytest.raises(NotFoundError, match="ZZ-9"):
        ask(by_words, "bolts", equipment="ZZ-9")


def test_a_pack_whose_documents_are_all_for_other_equipment_gives_nothing(
    make: Make, open_pack: OpenPack
) -> None:
    toml = 'applies_to = ["FX-1"]\n[documents."a.md"]\napplies_to = ["ZZ-9"]\n'
    pack = open_pack({"a.md": "# Doors\n\nThe housing bolts of the door are loose."}, toml=toml)
    for embedder in (None, ScriptedEmbedder()):
        assert ask(make(pack, embedder=embedder), "housing bolts", equipment="FX-1").passages == ()


# Conversations


def test_a_follow_up_carries_the_topic(by_both: Retriever) -> None:
    history = (Message("user", "What is fault E-311 of the inverter?"), Message("assistant", "No phase [1]."))
    evidence = ask(by_both, "And what do I check?", history=history)
    assert "E-311" in best(evidence)
    assert {"311", "inverter"} <= set(evidence.query.split())


# Spelling


def test_a_slip_is_corrected_and_told(by_both: Retriever) -> None:
    evidence = ask(by_both, "condensaet drane")
    assert dict(evidence.corrections)["condensaet"] == "condensate"
    assert "condensate" in best(evidence)


def test_a_slip_is_corrected_only_when_neither_pack_nor_english_knows_the_word(by_both: Retriever) -> None:
    near_to_valve_and_drain = "value of the inverter brain"
    assert ask(by_both, near_to_valve_and_drain).corrections == {}
    assert ask(by_both, "tightened bolt").corrections == {}


def test_a_word_that_only_titles_hold_is_no_slip(make: Make, open_pack: OpenPack) -> None:
    texts = {"a.md": "# Grundfos\n\n## Drum\n\nThe drum of the machine turns slowly."}
    assert ask(make(open_pack(texts)), "grundfos").corrections == {}


# Without vectors


def test_keyword_search_works_when_the_embedder_fails(make: Make, pumps: Pack, by_words: Retriever) -> None:
    question = "what torque do the copling bolts need"
    found, plain = ask(make(pumps, embedder=FailingEmbedder()), question), ask(by_words, question)
    assert found.passages[0].text == plain.passages[0].text
    assert found.corrections == plain.corrections == {"copling": "coupling"}


def test_keyword_search_works_when_the_embedder_is_gone(
    make: Make, pumps_by_meaning: Pack, by_words: Retriever, tmp_path: Path
) -> None:
    gone = LlamaEmbedder(tmp_path / "gone.gguf")
    question = "what torque do the coupling bolts need"
    assert ask(make(pumps_by_meaning, embedder=gone), question) == ask(by_words, question)
    gone.close()


def test_vectors_of_another_embedder_are_not_compared(
    make: Make, pumps: Pack, embedder: LlamaEmbedder, by_words: Retriever
) -> None:
    mixed = ask(make(pumps, embedder=embedder), "coupling bolts torque")
    assert mixed.passages == ask(by_words, "coupling bolts torque").passages


def test_packs_with_and_without_vectors_are_searched_together(
    make: Make, pumps: Pack, open_pack: OpenPack
) -> None:
    plain = open_pack({"a.md": "# Doors\n\nThe hinge pins of the door are greased."}, name="d", embedder=None)
    retriever = make(pumps, plain, embedder=ScriptedEmbedder())
    assert ask(retriever, "hinge pins of the door").passages[0].document == "a.md"
    assert "8 Nm" in best(ask(retriever, "coupling bolts are tightened"))


# Anything asked


@pytest.mark.parametrize("question", OPERATORS)
def test_signs_that_mean_something_to_a_search_engine_are_only_text(
    by_words: Retriever, by_both: Retriever, question: str
) -> None:
    for retriever in (by_words, by_both):
        assert ask(retriever, question).query == question


@settings(max_examples=60, deadline=None)
@given(question=HOSTILE, said=HOSTILE)
def test_any_text_can_be_asked(by_words: Retriever, question: str, said: str) -> None:
    evidence = ask(by_words, question, history=(Message("user", said),))
    assert evidence.query.endswith(question)


def test_many_threads_ask_at_once(by_both: Retriever) -> None:
    questions = ["coupling bolts torque", "what is E-207", "grease of the bearing", "vent the pump"] * 5
    alone = [ask(by_both, question) for question in questions]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda question: ask(by_both, question), questions)) == alone


def test_packs_are_asked_for_anew_with_every_question(pumps: Pack) -> None:
    installed: list[Pack] = []
    retriever = Retriever(lambda: installed, None)
    with pytest.raises(NothingInstalledError):
        ask(retriever, "bolts")
    installed.append(pumps)
    assert ask(retriever, "bolts").passages
    retriever.close()


# Codes


def test_a_code_that_nothing_mentions_is_told_as_it_was_written(by_words: Retriever) -> None:
    assert ask(by_words, "What does E-999 mean?").missing == ("E-999",)
    assert ask(by_words, "What does E-207 mean?").missing == ()


def test_a_model_that_a_title_names_is_mentioned(by_words: Retriever) -> None:
    assert ask(by_words, "torque of the PX-300").missing == ()


def test_a_code_is_known_whatever_letter_it_ends_in(
    make: Make, make_source: Callable[..., Path], tmp_path: Path
) -> None:
    text = "# Parts\n\n- NJ310-E roller bearing of the gearbox\n- 5210/44-B ring of the shaft\n"
    build(make_source({"parts.md": text}), tmp_path / "parts.kpack", workers=0)
    with Pack.open(tmp_path / "parts.kpack") as pack:
        for question in ("NJ310-E", "nj310e", "5210/44-B"):
            found = make(pack).search(Question(question), 5)
            assert found.evidence.missing == ()
            assert is_lookup(question, found.ranked)
        assert ask(make(pack), "NJ310-S").missing == ("NJ310-S",)
        assert ask(make(pack), "5210/99-Z").missing == ("5210/99-Z",)


def test_of_a_thousand_strange_words_only_some_are_embedded(
    by_both: Retriever, embedder: LlamaEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed, embedded = embedder.embed, list[int]()

    def count(texts: Sequence[str]) -> Vectors:
        embedded.append(len(texts))
        return embed(texts)

    monkeypatch.setattr(embedder, "embed", count)
    ask(by_both, " ".join(f"zq{chr(97 + n // 26)}{chr(97 + n % 26)}xv" for n in range(500)))
    assert max(embedded) <= MAX_UNKNOWN
