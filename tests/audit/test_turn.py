"""Every turn is a row, however it ends, and it is on the disk before its answer is seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge import app
from edge.app import Edge, Mode
from edge.audit.entry import NewRow
from edge.audit.export import list_rows
from edge.audit.issue import find_receipt
from edge.audit.log import AuditLog
from edge.audit.store import LogStore, open_log
from edge.audit.verify import verify
from edge.config import Settings
from edge.errors import NotFoundError, StorageError, UsageError
from edge.models.store import ModelStore
from edge.packs.store import PackStore
from edge.types import Answer, Answered, Question
from tests.audit.conftest import make_row
from tests.conftest import BuildPack

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
QUESTION = "What torque do the housing bolts of the PX-200 need?"


@pytest.fixture
def settings(tmp_path: Path, build_pack: BuildPack) -> Settings:
    made = Settings(
        home=tmp_path / "home", embedder="none", engine="extractive", subject="anna", device="van 7", threads=1,
        max_input_tokens=1536, max_output_tokens=64,
    )  # fmt: skip
    PackStore(made).install(build_pack(), allow_unsigned=True)
    return made


def ask(settings: Settings, question: Question, mode: Mode = Mode.QUESTION) -> Answer:
    with app.build(settings, mode) as edge:
        return answer(edge, question)


def answer(edge: Edge, question: Question) -> Answer:
    *_, last = edge.assistant.answer(question)
    assert isinstance(last, Answered)
    return last.answer


def read(settings: Settings) -> list[dict[str, Any]]:
    with closing(open_log(settings.audit_dir, "van 7")) as store:
        assert verify(store).sound
        return list(list_rows(store))


def test_an_answer_is_a_row_with_all_that_it_came_from(settings: Settings) -> None:
    given = ask(settings, Question(QUESTION, packs=("pumps",)))
    (row,) = read(settings)
    record = row["record"]
    assert (row["who"], row["receipt"]) == ("anna", given.receipt)
    assert (record["question"], record["outcome"], record["surface"]) == (QUESTION, "answered", "question")
    assert record["scope"] == {"equipment": None, "packs": ["pumps"], "engine": None}
    assert record["answer"]["text"] == given.text
    assert record["packs"][0]["name"] == "pumps"
    assert len(record["packs"][0]["digest"]) == 64
    assert len(record["passages"][0]["sha256"]) == 64
    assert record["answer"]["timings_ms"] == given.timings_ms


def test_what_a_language_model_was_given_and_wrote_is_kept(settings: Settings) -> None:
    ModelStore(settings).add(TINY)
    given = ask(replace(settings, engine="llama"), Question(QUESTION))
    (row,) = read(settings)
    record = row["record"]
    assert record["engine"] == given.engine == "llama:tiny"
    assert len(record["model_sha256"]) == 64
    assert record["sampler"] == {"temperature": 0.0}
    assert QUESTION in record["prompt"][-1][1]
    assert "25 Nm" in record["written"]


def test_refusals_and_failures_are_rows_too(settings: Settings) -> None:
    assert ask(settings, Question("Who won the football world cup?")).refused
    for wrong, error in (("", UsageError), ("x" * 100_000, UsageError), ("a\udcffb", UsageError)):
        with pytest.raises(error):
            ask(settings, Question(wrong))
    with pytest.raises(NotFoundError):
        ask(settings, Question(QUESTION, packs=("none",)))
    rows = [row["record"] for row in read(settings)]
    assert [row["outcome"] for row in rows] == ["refused", "failed", "failed", "failed", "failed"]
    assert rows[4]["error"] == {"kind": "NotFoundError", "message": "The pack 'none' is not installed."}
    assert len(rows[2]["question"]) == 65_536


def test_a_turn_that_was_stopped_is_a_row(settings: Settings) -> None:
    with app.build(settings) as edge:
        events = edge.assistant.answer(Question(QUESTION))
        next(iter(events))
        events.close()  # type: ignore[attr-defined]
        list(edge.assistant.answer(Question(QUESTION), lambda: True))
    assert [row["record"]["outcome"] for row in read(settings)] == ["stopped", "stopped"]


def test_the_row_is_there_when_the_answer_is(settings: Settings) -> None:
    with app.build(settings) as edge:
        for event in edge.assistant.answer(Question(QUESTION)):
            rows = read(settings) if settings.audit_dir.exists() and isinstance(event, Answered) else []
            assert len(rows) == isinstance(event, Answered)


def test_a_receipt_can_be_had_at_once(settings: Settings) -> None:
    with app.build(settings) as edge, app.build(settings) as other:
        given = answer(edge, Question(QUESTION))
        with other.open_audit_log() as store:
            checked = find_receipt(store, given.receipt).check()
    assert checked.body["question"] == QUESTION
    assert checked.body["citations"][0]["document"] == given.citations[0].passage.document


def test_who_asks_is_the_one_named_by_the_question(settings: Settings) -> None:
    for name in ("ben", "", "b\ned\u202e", "a\udcff"):
        ask(settings, Question(QUESTION, subject=name))
    assert [row["who"] for row in read(settings)] == ["ben", "anna", "bed", "a"]


def test_turned_off_nothing_is_kept(settings: Settings) -> None:
    given = ask(replace(settings, audit="off"), Question(QUESTION), Mode.SERVER)
    assert given.receipt == ""
    assert not settings.audit_dir.exists()


def test_a_log_that_cannot_be_written_is_told_in_the_answer_and_in_the_next_row(settings: Settings) -> None:
    settings.audit_dir.write_text("in the way")
    with app.build(settings, Mode.SERVER) as edge:
        for _ in range(2):
            given = answer(edge, Question(QUESTION))
            assert "25 Nm" in given.text
            assert "This turn is not in the audit log" in (given.notice or "")
            assert given.receipt == ""
        settings.audit_dir.unlink()
        log = edge.audit.log
        assert log is not None
        log._retry_at = 0.0
        assert answer(edge, Question(QUESTION)).receipt
    (row,) = read(settings)
    assert row["record"]["unrecorded"] == 2


def test_where_it_is_required_such_a_turn_ends_with_an_error(settings: Settings) -> None:
    settings.audit_dir.write_text("in the way")
    with pytest.raises(StorageError, match="audit"):
        ask(replace(settings, audit="required"), Question(QUESTION))


def test_an_answer_waits_for_a_slow_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    real, free = LogStore.append, threading.Event()

    def wait(self: LogStore, rows: Any) -> list[int]:
        assert free.wait(20)
        return real(self, rows)

    monkeypatch.setattr(LogStore, "append", wait)
    with app.build(settings) as edge, ThreadPoolExecutor(1) as pool:
        turn = pool.submit(answer, edge, Question(QUESTION))
        with pytest.raises(TimeoutError):
            turn.result(1.0)
        free.set()
        assert turn.result(20).receipt


# -- the thread that writes


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AuditLog]:
    made = AuditLog(tmp_path / "audit", "van 7")
    yield made
    made.close()


def test_rows_that_wait_share_a_commit(log: AuditLog, tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        futures = list(pool.map(lambda number: log.submit(make_row(number)), range(200)))
    assert sorted(future.result(30) for future in futures) == list(range(200))
    log.close()
    with closing(open_log(tmp_path / "audit", "van 7")) as store:
        assert len(list(store.list_checkpoints())) < 200
        assert verify(store).sound


def test_closing_writes_what_waits_and_it_can_go_on_later(log: AuditLog, tmp_path: Path) -> None:
    futures = [log.submit(make_row(number)) for number in range(50)]
    log.close()
    assert [future.result(0) for future in futures] == list(range(50))
    assert log.submit(make_row(50)).result(20) == 50


def test_a_fault_reaches_whoever_waits(log: AuditLog) -> None:
    with pytest.raises(StorageError, match="audit log failed"):
        log.submit(NewRow("anna", 0, b"", None)).result(20)  # type: ignore[arg-type]
    assert log.problem is not None
    log._retry_at = 0.0
    assert log.submit(make_row(0)).result(20) == 0
    assert log.problem is None


def test_a_record_is_json_whatever_was_asked(settings: Settings) -> None:
    with app.build(settings) as edge:
        edge.audit.write("anna", {"kind": "turn", "question": 'a\ud800 "\n\x00'}).wait()
    assert json.dumps(read(settings)[0]["record"]["question"]) == r'"a? \"\n\u0000"'
