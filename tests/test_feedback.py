"""Feedback: records that are never lost, never changed, and merge."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import UsageError
from edge.feedback import MAX_QUESTION, FeedbackLog, JudgedPassage, load_feedback

PASSAGE = JudgedPassage("pumps", "1.0", "ab" * 32, "manual.pdf", 41, "Pump > Torque")


@pytest.fixture
def log(tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(Settings(home=tmp_path / "home"))


def test_what_was_said_is_there_after_a_restart(log: FeedbackLog, tmp_path: Path) -> None:
    said = log.add(
        "wrong", "What torque?", "45 Nm [1]", "extractive",
        right="50 Nm", passages=(PASSAGE,), who="Ada", consent_id="c-1",
    )  # fmt: skip
    again = FeedbackLog(Settings(home=tmp_path / "home"))
    assert again.list() == [said]
    assert again.list(verdict="solved") == []
    assert said.device
    assert load_feedback(asdict(said) | {"of_a_newer_edge": 1}) == said


def test_sent_twice_it_is_one_and_another_opinion_is_another_record(log: FeedbackLog) -> None:
    one = log.add("solved", "What torque?", "45 Nm", "extractive", id="mine")
    assert log.add("wrong", "What torque?", "45 Nm", "extractive", id="mine") == one
    log.add("wrong", "What torque?", "45 Nm", "extractive")
    assert [record.verdict for record in log.list()] == ["solved", "wrong"]


def test_records_of_several_devices_merge_and_count_once(log: FeedbackLog, tmp_path: Path) -> None:
    other = FeedbackLog(Settings(home=tmp_path / "other"))
    mine = log.add("solved", "What torque?", "45 Nm", "extractive")
    theirs = other.add("not_solved", "How to vent?", "", "refused")
    assert mine.device != theirs.device
    assert log.merge(other.list()) == 1
    assert other.merge(log.list()) == 1
    assert log.merge(other.list()) == 0
    assert (
        {record.id for record in log.list()} == {record.id for record in other.list()} == {mine.id, theirs.id}
    )


def test_what_came_since_is_listed(log: FeedbackLog) -> None:
    old = log.add("solved", "Old?", "", "extractive")
    log.merge([replace(old, id="new", at="2999-01-01T00:00:00.000Z")])
    assert [record.id for record in log.list(since="2998")] == ["new"]


@pytest.mark.parametrize("question", ["", " ", "x" * (MAX_QUESTION + 1)])
def test_feedback_on_nothing_or_too_much_is_refused(log: FeedbackLog, question: str) -> None:
    with pytest.raises(UsageError):
        log.add("solved", question, "", "extractive")
    assert log.list() == []
