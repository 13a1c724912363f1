"""Labelled questions: reading them, asking them, and the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.errors import NotFoundError, UsageError
from edge.evaluation import Gold, Labelled, Outcome, ask_all, compute_figures, find_rank, load_questions
from edge.types import (
    Answer,
    Answered,
    Citation,
    Event,
    Evidence,
    EvidenceFound,
    Message,
    Mode,
    Passage,
    Question,
    TokenStreamed,
)
from tests.guard.conftest import make_passage

ROW: dict[str, Any] = {
    "id": "q1",
    "question": "How tight?",
    "history": [{"role": "user", "content": "The housing bolts"}],
    "equipment": "PX-200",
    "answerable": True,
    "gold": [{"document": "a.pdf", "pages": [3, 4]}, {"document": "b.md", "heading": "Torque"}],
    "contains": ["25 Nm"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["document", "pages", "heading", "role", "content"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "set.jsonl"


# Reading


def test_a_line_is_a_question_with_what_is_known_of_its_answer(path: Path) -> None:
    path.write_text(f"\n{json.dumps(ROW)}\n\n")
    assert load_questions(path) == [
        Labelled(
            "q1",
            Question("How tight?", (Message("user", "The housing bolts"),), "PX-200"),
            (Gold("a.pdf", (3, 4)), Gold("b.md", heading="Torque")),
            ("25 Nm",),
        )
    ]


def test_only_id_and_question_are_needed_and_without_gold_it_is_not_answerable(path: Path) -> None:
    path.write_text('{"id": 7, "question": "Why?"}')
    (labelled,) = load_questions(path)
    assert labelled == Labelled("7", Question("Why?"), (), ())
    assert not labelled.answerable


def test_signs_that_some_take_for_line_ends_stay_in_the_question(path: Path) -> None:
    path.write_text(json.dumps({"id": 1, "question": "a\u2028b\x85c"}, ensure_ascii=False), encoding="utf-8")
    assert load_questions(path)[0].question.text == "a\u2028b\x85c"


@pytest.mark.parametrize(
    "change",
    [
        {"question": 5}, {"question": None}, {"gold": "a.pdf"}, {"gold": [{"pages": [1]}]}, {"gold": [None]},
        {"gold": [{"document": "a", "pages": "12"}]}, {"gold": [{"document": "a", "pages": [1.5]}]},
        {"gold": [{"document": 1, "pages": [1]}]}, {"gold": [{"document": "a", "heading": 1}]},
        {"history": [{"role": "user"}]}, {"history": None}, {"equipment": 5}, {"contains": "25 Nm"},
        {"contains": [25]},
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_says_which(path: Path, change: dict[str, Any]) -> None:
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps({**ROW, **change})}\n")
    with pytest.raises(UsageError, match="line 2 is not a labelled question") as caught:
        load_questions(path)
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"\xff\xfe", b"not json", b"[]", b"5", b"{}", b"[" * 100_000])
def test_a_file_that_is_no_set_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(UsageError):
        load_questions(path)


def test_a_set_that_cannot_be_read_is_not_found(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(NotFoundError):
            load_questions(missing)


@given(st.sampled_from(sorted(ROW)), JSON)
@example("gold", [{"document": "a", "pages": [True]}])
def test_any_line_is_read_or_refused_and_what_is_read_can_be_judged(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text(json.dumps({**ROW, key: value}))
    try:
        (labelled,) = load_questions(path)
    except UsageError:
        return
    outcome = Outcome(labelled, find_rank([make_passage("x")], labelled.gold), Answer("x", "extractive", "e"))
    assert compute_figures([outcome]).questions == 1


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,1a\n ').map(str.encode))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(data)
    with suppress(UsageError):
        assert all(isinstance(one, Labelled) for one in load_questions(path))


# Judging


def at(page_from: int, page_to: int | None = None, document: str = "a.pdf", heading: str = "") -> Passage:
    return replace(
        make_passage("text"),
        document=document,
        page_from=page_from,
        page_to=page_to or page_from,
        heading=heading,
    )


def test_a_page_is_shown_by_a_passage_that_spans_it() -> None:
    gold = Gold("a.pdf", (3, 9))
    assert [gold.holds(at(2, 3)), gold.holds(at(9)), gold.holds(at(4, 8))] == [True, True, False]


def test_the_folder_of_a_document_does_not_matter_its_name_does() -> None:
    assert Gold("manuals/a.pdf", (1,)).holds(at(1))
    assert Gold("a.pdf", (1,)).holds(at(1, document="old/a.pdf"))
    assert not Gold("a.pdf", (1,)).holds(at(1, document="ba.pdf"))


def test_a_section_is_shown_by_any_passage_under_its_heading() -> None:
    gold = Gold("a.pdf", heading="Torque")
    assert gold.holds(at(1, heading="Pump > Torque > Bolts"))
    assert not gold.holds(at(1, heading="Pump > Torques"))


def test_the_rank_is_that_of_the_first_right_passage() -> None:
    gold = (Gold("a.pdf", (5,)), Gold("b.pdf", (1,)))
    assert find_rank([at(1), at(1, document="b.pdf"), at(5)], gold) == 2
    assert find_rank([at(1)], gold) == find_rank([], gold) == find_rank([at(1)], ()) == 0


def answer(text: str = "Use 25 Nm.", mode: Mode = "extractive", *cited: Passage) -> Answer:
    return Answer(text, mode, "e", tuple(Citation(n, one) for n, one in enumerate(cited, 1)))


def outcome(
    rank: int, given: Answer, gold: tuple[Gold, ...] = (Gold("a.pdf", (5,)),), contains: str = ""
) -> Outcome:
    return Outcome(Labelled("q", Question("?"), gold, (contains,) if contains else ()), rank, given)


def test_the_figures_of_a_run() -> None:
    refused = answer("Not in the installed packs.", "refused")
    found = compute_figures(
        [
            outcome(1, answer("Use | 25  Nm", "extractive", at(5)), contains="25 nm"),  # right, and quoted
            outcome(4, answer("Use 8 Nm", "extractive", at(4)), contains="25 Nm"),  # wrong page, wrong value
            outcome(0, answer("Use 8 Nm", "extractive", at(4))),
            outcome(2, refused),  # wrongly refused
            outcome(0, refused, gold=()),  # rightly refused
            outcome(0, answer(), gold=()),  # should have been refused
        ]
    )
    assert found.to_dict() == pytest.approx(
        {
            "questions": 6, "answerable": 4, "hit_1": 1 / 4, "hit_3": 2 / 4, "hit_5": 3 / 4,
            "mrr": (1 + 1 / 4 + 1 / 2) / 4, "refusal_precision": 1 / 2, "refusal_recall": 1 / 2,
            "right": 1 / 4, "quoted": 1 / 2,
        }
    )  # fmt: skip


def test_a_refusal_quotes_nothing_whatever_it_says() -> None:
    assert compute_figures([outcome(1, answer("Nearest: 25 Nm", "refused"), contains="25 Nm")]).quoted == 0


def test_figures_of_nothing_are_zero() -> None:
    assert set(compute_figures([]).to_dict().values()) == {0}


def test_every_question_is_asked_and_its_evidence_judged() -> None:
    asked: list[Question] = []

    def respond(question: Question) -> Iterator[Event]:
        asked.append(question)
        yield EvidenceFound(Evidence(question.text, (at(1), at(5))), 1.0)
        yield TokenStreamed("Use 25 Nm.")
        yield Answered(answer())

    labelled = [Labelled(str(n), Question(f"q{n}"), (Gold("a.pdf", (5,)),), ()) for n in range(3)]
    outcomes = list(ask_all(labelled, respond))
    assert asked == [one.question for one in labelled]
    assert [(o.labelled, o.rank, o.answer) for o in outcomes] == [(one, 2, answer()) for one in labelled]
