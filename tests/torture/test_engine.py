"""The engine under fire: its worker killed fifty times, five hundred broken models, two hundred starts."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.app import Edge
from edge.config import Settings
from edge.engine.llama import LlamaEngine
from edge.ingest.build import build
from edge.models.store import ModelStore
from edge.packs.store import PackStore
from edge.types import Answered, Question
from tests.engine.chain_model import write_chain_model
from tests.engine.conftest import make_prompt
from tests.engine.under_fire import TOKENS, ask_under_fire, kill
from tests.engine.workers import make_writer
from tests.models.bad_models import check_header, make_bad_models, try_model

KILLS, ASKERS, BROKEN, STARTS = 50, 8, 500, 200

WRITTEN = "What the language model wrote is not in the manual. This answer quotes the manual instead."


@pytest.fixture
def endless(tmp_path: Path) -> LlamaEngine:
    model = write_chain_model(tmp_path / "endless.gguf", "123456789", endless=True, context=4096)
    return LlamaEngine(make_writer(model, 4096, parallel=ASKERS))


def test_fifty_kills_under_load(endless: LlamaEngine) -> None:
    ends = ask_under_fire(endless, ASKERS, KILLS)
    endless.close()
    answers = ends.pop("answer")
    print(f"{answers} answers, {sum(ends.values())} errors: {dict(ends)}")
    assert answers > KILLS
    assert all("SIGKILL" in message for message in ends), ends


def test_five_hundred_broken_models(tmp_path: Path) -> None:
    good = write_chain_model(tmp_path / "good.gguf", "123456789").read_bytes()
    seen: Counter[str] = Counter()
    for what, data in make_bad_models(good, BROKEN):
        refused, result = check_header(tmp_path, data), try_model(tmp_path, data)
        if refused:
            seen["refused by the header check"] += 1
        elif result.startswith("answers"):
            seen["answers"] += 1
        else:
            seen["killed the worker" if "was ended by" in result else "refused by llama.cpp"] += 1
        assert not (refused and result.startswith("answers")), (what, refused)
    print(dict(seen))


def test_two_hundred_starts_leave_nothing_behind(endless: LlamaEngine) -> None:
    next(iter(endless.stream(make_prompt(max_tokens=1))))
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(STARTS):
        life = endless._worker._session
        assert life is not None
        kill(endless)
        life.join(10)
        assert "".join(endless.stream(make_prompt(max_tokens=1))) == "1"
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert threading.active_count() == threads
    endless.close()


def test_a_technician_gets_an_answer_whatever_happens_to_the_worker(tmp_path: Path) -> None:
    """The whole turn: passages, the worker's text or why there is none, and then a quotation of the manual."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "pack.toml").write_text('name = "pumps"\nversion = "1.0"\ntitle = "Pumps"\n')
    (tmp_path / "source" / "pump.md").write_text(
        "# Bearings\n\nThe motor bearing takes 12 grams of grease.\n"
    )
    settings = Settings(home=tmp_path / "home", embedder="none", engine="llama", max_answer_tokens=TOKENS)
    pack = build(tmp_path / "source", tmp_path / "pumps.kpack").path
    PackStore(settings).install(pack, allow_unsigned=True)
    model = write_chain_model(tmp_path / "chain.gguf", "123456789", endless=True, context=4096)
    ModelStore(settings).add(model)
    over, notices = threading.Event(), Counter[str]()

    with Edge(settings) as edge:

        def ask() -> None:
            while not over.is_set():
                *_, last = edge.assistant.answer(Question("How much grease does the motor bearing take?"))
                assert isinstance(last, Answered)
                assert "12 grams" in last.answer.text
                notices[last.answer.notice or ""] += 1

        with ThreadPoolExecutor(ASKERS) as threads:
            asking = [threads.submit(ask) for _ in range(ASKERS)]
            engine = edge.get_engine("llama")
            assert isinstance(engine, LlamaEngine)
            try:
                for _ in range(KILLS):
                    before = notices[WRITTEN]
                    while notices[WRITTEN] <= before and not any(one.done() for one in asking):
                        over.wait(0.01)
                    kill(engine)
            finally:
                over.set()
            for one in asking:
                one.result(60)
    print(dict(notices))
    assert notices[WRITTEN] >= KILLS
    assert sum(count for notice, count in notices.items() if "SIGKILL" in notice) >= KILLS
