"""One turn: evidence first, then an answer that stands in the manual, or an honest no."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.assistant import Assistant, Limits
from edge.conversations import Conversations
from edge.engine.interface import Engine
from edge.engine.scripted import ScriptedEngine
from edge.errors import EdgeError, EngineError, NotFoundError, NothingInstalledError, UsageError
from edge.guard.answer import NOT_SAID
from edge.guard.citations import strip_citations
from edge.packs.pack import Pack
from edge.popular import PopularPassages
from edge.retrieval.retriever import Retriever
from edge.types import (
    EXTRACTIVE,
    Answer,
    Answered,
    Event,
    EvidenceFound,
    Message,
    Prompt,
    Question,
    Quoted,
    TokenStreamed,
    never,
)

VENT = "How do I vent the pump?"
TORQUE = "What torque do the housing bolts of the PX-200 need?"
MANUAL = "Tighten the housing bolts crosswise to 25 Nm [1]."
DIED = EngineError("The language model died.", "It restarts by itself.")

MakeAssistant = Callable[..., Assistant]


class UnfitEngine(ScriptedEngine):
    """An engine that dies before it has counted the prompt."""

    def fits(self, prompt: Prompt) -> bool:
        raise DIED


@pytest.fixture(autouse=True)
def answers_whatever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """When edge refuses is the subject of tests/reading."""
    monkeypatch.setattr("edge.reading.decide.REFUSE_ABOVE", 1.1)
    monkeypatch.setattr("edge.reading.decide.DOUBT_ABOVE", 1.1)


@pytest.fixture
def make(pumps: Pack) -> Iterator[MakeAssistant]:
    """``make(engine, conversations)`` answers from the pumps pack; ``scripted`` is the engine given."""
    retriever = Retriever(lambda: [pumps], None)

    def call(
        engine: Engine | None = None,
        conversations: Conversations | None = None,
        popular: PopularPassages | None = None,
    ) -> Assistant:
        engines: dict[str, Engine | None] = {EXTRACTIVE: None}
        if engine is not None:
            engines["scripted"] = engine

        def engine_for(name: str) -> Engine | None:
            if name not in engines:
                raise UsageError(f"There is no engine '{name}'.")
            return engines[name]

        default = "scripted" if engine else EXTRACTIVE
        return Assistant(retriever, engine_for, conversations, Limits(8192, 256, 5), default, popular)

    yield call
    retriever.close()


def turn(assistant: Assistant, text: str, **more: object) -> list[Event]:
    return list(assistant.answer(Question(text, **more)))  # type: ignore[arg-type]


def answer(assistant: Assistant, text: str, **more: object) -> Answer:
    last = turn(assistant, text, **more)[-1]
    assert isinstance(last, Answered)
    return last.answer


# The order of events


def test_the_evidence_comes_before_any_word_and_the_answer_last(make: MakeAssistant) -> None:
    first, quoted, *middle, last = turn(make(ScriptedEngine(["Tighten to ", "25 Nm [1]."])), TORQUE)
    assert isinstance(first, EvidenceFound)
    assert isinstance(quoted, Quoted)
    assert "25 Nm" in quoted.answer.text
    assert "25 Nm" in first.evidence.passages[0].text
    assert middle == [TokenStreamed("Tighten to "), TokenStreamed("25 Nm [1].")]
    assert isinstance(last, Answered)
    assert first.elapsed_ms == last.answer.timings_ms["evidence"]


def test_the_evidence_is_there_before_the_engine_begins(make: MakeAssistant) -> None:
    engine = ScriptedEngine([MANUAL])
    events = make(engine).answer(Question(TORQUE))
    assert isinstance(next(events), EvidenceFound)
    assert engine.prompts == []


def test_times_are_told_in_the_order_they_happen(make: MakeAssistant) -> None:
    times = answer(make(ScriptedEngine([MANUAL])), TORQUE).timings_ms
    assert list(times) == ["evidence", "quote", "first_token", "total"]
    assert 0 <= times["evidence"] <= times["quote"] <= times["first_token"] <= times["total"]


def test_a_search_is_the_evidence_alone(make: MakeAssistant) -> None:
    evidence = make().search(Question(f"  {TORQUE}\n"), 2)
    assert evidence.query == TORQUE
    assert len(evidence.passages) == 2


# Answers


def test_without_a_language_model_the_manual_is_quoted_with_its_place(make: MakeAssistant) -> None:
    given = answer(make(), VENT)
    assert (given.mode, given.engine, given.refused, given.notice) == ("extractive", EXTRACTIVE, False, None)
    assert "2. Open the vent screw by one turn." in given.text
    (citation,) = given.citations
    assert (citation.n, citation.passage.document) == (1, "px-200.md")
    assert citation.passage.heading == "PX-200 pump > Venting"


def test_warnings_of_cited_passages_are_shown_word_for_word(make: MakeAssistant) -> None:
    engine = ScriptedEngine(["Open the vent screw by one turn [1]."])
    for assistant in (make(), make(engine)):
        (warning,) = answer(assistant, VENT).warnings
        assert warning.citation == 1
        assert warning.text == (
            "WARNING: The pump starts without notice. "
            "Switch off and lock out the mains before you open the housing."
        )


def test_an_answer_that_cites_the_manual_is_shown_as_generated(make: MakeAssistant) -> None:
    given = answer(make(ScriptedEngine([MANUAL])), TORQUE)
    assert (given.text, given.mode, given.engine, given.notice) == (MANUAL, "generated", "scripted", None)
    assert given.unverified == ()


def test_a_value_no_passage_holds_never_reaches_the_reader_and_is_listed(make: MakeAssistant) -> None:
    given = answer(
        make(ScriptedEngine(["Tighten them to 99 Nm [1]. ", "Tighten them crosswise [1]."])), TORQUE
    )
    assert given.text == "Tighten them crosswise [1]."
    assert given.unverified == ("99 Nm",)
    assert given.mode == "generated"


def test_the_value_of_other_equipment_is_not_shown_as_this_ones(make: MakeAssistant) -> None:
    engine = ScriptedEngine(["Tighten them to 45 Nm [1]."])
    given = answer(make(engine), "What torque do the housing bolts need?", equipment="PX-200")
    assert "45" not in given.text
    assert given.unverified == ("45 Nm",)


def test_an_answer_that_cites_nothing_falls_back(make: MakeAssistant) -> None:
    given = answer(make(ScriptedEngine(["Just tighten them well."])), TORQUE)
    assert (given.mode, given.engine) == ("extractive", EXTRACTIVE)
    assert "25 Nm" in given.text
    assert given.notice == (
        "What the language model wrote is not in the manual. This answer quotes the manual instead."
    )


def test_an_answer_of_which_nothing_holds_falls_back_and_lists_what_was_invented(make: MakeAssistant) -> None:
    given = answer(make(ScriptedEngine(["Tighten them to 99 Nm [1]."])), TORQUE)
    assert given.mode == "extractive"
    assert "99" not in given.text
    assert given.unverified == ("99 Nm",)


@pytest.mark.parametrize(
    "engine",
    [ScriptedEngine(failure=DIED), ScriptedEngine(["Tighten them to 9"], DIED), UnfitEngine([MANUAL])],
)
def test_when_the_engine_dies_at_any_point_the_quotation_says_so(make: MakeAssistant, engine: Engine) -> None:
    given = answer(make(engine), TORQUE)
    assert (given.mode, given.engine) == ("extractive", EXTRACTIVE)
    assert "25 Nm" in given.text
    assert given.notice == "The language model died. This answer quotes the manual instead."


def test_the_engine_is_given_the_passages_in_the_order_of_the_evidence(make: MakeAssistant) -> None:
    engine = ScriptedEngine([MANUAL])
    first, *_ = turn(make(engine), TORQUE)
    assert isinstance(first, EvidenceFound)
    assert engine.prompts[0].passages == first.evidence.passages
    assert engine.prompts[0].question == TORQUE


def test_a_question_may_name_its_engine(make: MakeAssistant) -> None:
    assert answer(make(ScriptedEngine([MANUAL])), TORQUE, engine=EXTRACTIVE).engine == EXTRACTIVE


# Refusals


def test_what_no_pack_holds_is_refused_without_asking_the_engine(make: MakeAssistant) -> None:
    engine = ScriptedEngine([MANUAL])
    given = answer(make(engine), "zebra giraffe")
    assert (given.text, given.mode, given.refused) == ("Not in the installed packs.", "refused", True)
    assert (given.citations, engine.prompts) == ((), [])


def test_a_refusal_names_the_nearest_pages(make: MakeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.reading.decide.REFUSE_ABOVE", -1.0)
    engine = ScriptedEngine([MANUAL])
    given = answer(make(engine), VENT)
    assert given.text.startswith(
        "Not in the installed packs. Nearest: px-200.md, page 1, PX-200 pump > Venting [1];"
    )
    assert [citation.n for citation in given.citations] == [1, 2, 3]
    assert (given.mode, engine.prompts) == ("refused", [])


def test_a_code_that_no_pack_mentions_is_told_with_the_answer_and_with_a_refusal(
    make: MakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "Which torque do the bolts need for E-999?"
    assert answer(make(), question).notice == "No installed pack mentions E-999."
    monkeypatch.setattr("edge.reading.decide.REFUSE_ABOVE", -1.0)
    assert answer(make(), question).text.startswith(
        "Not in the installed packs: none mentions E-999. Nearest: "
    )
    assert answer(make(), TORQUE).notice is None


def test_an_engine_that_says_the_passages_do_not_say_is_believed(make: MakeAssistant) -> None:
    given = answer(make(ScriptedEngine([NOT_SAID])), TORQUE)
    assert (given.mode, given.engine) == ("refused", "scripted")
    assert given.text.startswith("Not in the installed packs. Nearest: px-200.md")


# Cancelling


@pytest.mark.parametrize("heard", [2, 3, 4])
def test_a_turn_that_is_cancelled_ends_without_an_answer_and_is_not_remembered(
    make: MakeAssistant, heard: int
) -> None:
    conversations = Conversations(None)
    assistant = make(ScriptedEngine(["Tighten ", "them to ", "25 Nm [1]."]), conversations)
    seen: list[Event] = []
    for event in assistant.answer(Question(TORQUE, conversation_id="c"), lambda: len(seen) >= heard):
        seen.append(event)
    assert len(seen) == heard
    assert not any(isinstance(event, Answered) for event in seen)
    assert conversations.read_history("c") == ()


def test_a_cancelled_refusal_is_none(make: MakeAssistant) -> None:
    events = list(make().answer(Question("zebra giraffe"), cancelled=lambda: True))
    assert [type(event) for event in events] == [EvidenceFound]


def test_a_cancelled_turn_does_not_fall_back(make: MakeAssistant) -> None:
    seen: list[Event] = []
    for event in make(ScriptedEngine(["Tighten "], DIED)).answer(Question(TORQUE), lambda: len(seen) > 2):
        seen.append(event)
    assert len(seen) == 3


def test_a_turn_that_nobody_listens_to_is_not_remembered(make: MakeAssistant) -> None:
    conversations = Conversations(None)
    events = make(conversations=conversations).answer(Question(TORQUE, conversation_id="c"), never)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert conversations.read_history("c") == ()


# Conversations


def test_a_follow_up_carries_the_topic(make: MakeAssistant) -> None:
    assistant = make(conversations=Conversations(None))
    first = answer(assistant, "What does the fault E-311 of the inverter mean?")
    assert first.conversation_id
    events = turn(assistant, "And what do I check?", conversation_id=first.conversation_id)
    assert isinstance(events[0], EvidenceFound)
    assert "E-311" in events[0].evidence.passages[0].text


def test_the_engine_is_told_what_was_said(make: MakeAssistant) -> None:
    engine = ScriptedEngine([MANUAL])
    assistant = make(engine, Conversations(None))
    answer(assistant, TORQUE, conversation_id="c")
    answer(assistant, "And crosswise?", conversation_id="c")
    first, second = engine.prompts
    assert second.messages[:-1] == (*first.messages, Message("assistant", MANUAL))
    assert second.messages[-1].content.endswith("Question: And crosswise?")


def test_passages_that_were_shown_are_not_sent_again_and_keep_this_turns_number_for_readers(
    make: MakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.prompt.budget.RELEVANT", 0.0)
    engine = ScriptedEngine([MANUAL])
    assistant = make(engine, Conversations(None))
    first, *_ = turn(assistant, TORQUE, conversation_id="c")
    assert isinstance(first, EvidenceFound)
    label = next(n for n, p in enumerate(first.evidence.passages, 1) if "12 grams" in p.text)
    engine._pieces = [f"12 grams [{label}", "]."]
    second, *_, last = turn(assistant, "How much grease does the bearing take?", conversation_id="c")
    assert isinstance(second, EvidenceFound)
    assert isinstance(last, Answered)
    number = next(n for n, p in enumerate(second.evidence.passages, 1) if "12 grams" in p.text)
    assert number != label
    assert last.answer.text == f"12 grams [{number}]."
    assert last.answer.citations[0].passage == second.evidence.passages[number - 1]
    assert "12 grams" not in engine.prompts[1].messages[-1].content


def test_refused_and_quoted_turns_in_between_do_not_break_what_the_model_saw(make: MakeAssistant) -> None:
    engine = ScriptedEngine(lambda prompt: [NOT_SAID if "zebra" in prompt.question else MANUAL])
    assistant = make(engine, Conversations(None))
    answer(assistant, TORQUE, conversation_id="c")
    assert answer(assistant, "What do zebras eat?", conversation_id="c").refused
    quoted = answer(assistant, VENT, conversation_id="c", engine=EXTRACTIVE)
    answer(assistant, "And crosswise?", conversation_id="c")
    first, _, second = engine.prompts
    said = [message.content for message in second.messages[2:-1]]
    assert second.messages[:2] == first.messages
    assert said[:2] == [MANUAL, VENT]
    assert said[2] == strip_citations(quoted.text)
    assert len(said) == 3


def test_another_equipment_begins_anew(make: MakeAssistant) -> None:
    engine = ScriptedEngine([MANUAL])
    assistant = make(engine, Conversations(None))
    answer(assistant, TORQUE, conversation_id="c", equipment="PX-200")
    answer(assistant, "And the housing bolts?", conversation_id="c", equipment="PX-300")
    assert len(engine.prompts[1].messages) == 2
    assert "crosswise to 25 Nm" not in str(engine.prompts[1].messages)


def test_a_question_over_passages_asked_for_before_begins_like_that_one(make: MakeAssistant) -> None:
    engine = ScriptedEngine([MANUAL])
    assistant = make(engine, Conversations(None), PopularPassages(None))
    for question in (TORQUE, "housing bolts of the PX-200", "torque of the PX-200 housing bolts"):
        answer(assistant, question)
    lists = [prompt.messages[1].content.rpartition("Question:")[0] for prompt in engine.prompts]
    assert any(ahead.messages[1].content.startswith(lists[0]) for ahead in assistant.list_likely_prompts(2))


def test_a_history_that_comes_with_the_question_is_used_instead(make: MakeAssistant) -> None:
    assistant = make(conversations=Conversations(None))
    answer(assistant, TORQUE, conversation_id="c")
    history = (Message("user", "How often is the bearing of the PX-300 greased?"),)
    first, *_ = turn(assistant, "And how much?", conversation_id="c", history=history)
    assert isinstance(first, EvidenceFound)
    assert "12 grams" in first.evidence.passages[0].text


def test_refusals_are_remembered_too(make: MakeAssistant) -> None:
    conversations = Conversations(None)
    answer(make(conversations=conversations), "zebra giraffe", conversation_id="c")
    assert conversations.read_history("c")[1].content == "Not in the installed packs."


def test_every_new_conversation_has_an_id_of_its_own_even_if_nothing_is_kept(make: MakeAssistant) -> None:
    ids = {answer(make(), TORQUE).conversation_id for _ in range(3)}
    assert len(ids) == 3
    assert "" not in ids


@pytest.mark.parametrize("damage", ["a file where the folder should be", "a folder", "not a database"])
def test_where_nothing_can_be_stored_questions_are_answered_and_remembered_for_now(
    make: MakeAssistant, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "home" / "state.sqlite"
    if damage == "a folder":
        path.mkdir(parents=True)
    elif damage == "not a database":
        path.parent.mkdir()
        path.write_bytes(b"not a database at all" * 100)
    else:
        path.parent.touch()
    conversations = Conversations(path)
    assistant = make(conversations=conversations)
    given = answer(assistant, "What does the fault E-311 of the inverter mean?", conversation_id="c")
    assert "phase missing" in given.text
    first, *_ = turn(assistant, "And what do I check?", conversation_id="c")
    assert isinstance(first, EvidenceFound)
    assert {"311", "inverter"} <= set(first.evidence.query.split())


# Bad questions


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (Question(""), UsageError),
        (Question(" \0\n"), UsageError),
        (Question("x" * 8193), UsageError),
        (Question("ö" * 5000), UsageError),
        (Question("\ud800"), UsageError),
        (Question(TORQUE, engine="gpt"), UsageError),
        (Question(TORQUE, packs=("valves",)), NotFoundError),
        (Question(TORQUE, equipment="ZZ-9"), NotFoundError),
    ],
)
def test_a_bad_question_is_refused_before_anything_happens(
    make: MakeAssistant, question: Question, error: type[EdgeError]
) -> None:
    with pytest.raises(error):
        next(make().answer(question))


def test_without_any_pack_there_is_nothing_to_answer_from() -> None:
    retriever = Retriever(list, None)
    assistant = Assistant(retriever, lambda name: None, None, Limits(8192, 256, 5))
    with pytest.raises(NothingInstalledError):
        next(assistant.answer(Question(TORQUE)))
    retriever.close()


def test_an_answer_from_a_value_that_was_hard_to_read_says_so(
    make: MakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pack, "find_doubts", lambda pack, first, last: set(range(first, last + 1)))
    found = answer(make(), TORQUE)
    assert found.notice is not None
    assert found.notice.startswith("Read from a scan: compare with the page ([1]")
