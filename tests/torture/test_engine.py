"""The engine under fire: its worker killed fifty times, five hundred broken models, two hundred starts."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from edge.engine.llama import LlamaEngine
from tests.engine.bad_models import bad_models, header_says, outcome
from tests.engine.chain_model import write_chain_model
from tests.engine.conftest import prompt
from tests.engine.under_fire import under_fire
from tests.engine.workers import writer

KILLS, ASKERS, BROKEN, STARTS = 50, 8, 500, 200


@pytest.fixture
def endless(tmp_path: Path) -> LlamaEngine:
    model = write_chain_model(tmp_path / "endless.gguf", "123456789", endless=True, context=4096)
    return LlamaEngine(writer(model, 4096, parallel=ASKERS))


def test_fifty_kills_under_load(endless: LlamaEngine) -> None:
    ends = under_fire(endless, ASKERS, KILLS)
    endless.close()
    answers = ends.pop("answer")
    print(f"{answers} answers, {sum(ends.values())} errors: {dict(ends)}")
    assert answers > KILLS
    assert all("SIGKILL" in message for message in ends), ends


def test_five_hundred_broken_models(tmp_path: Path) -> None:
    good = write_chain_model(tmp_path / "good.gguf", "123456789").read_bytes()
    seen: Counter[str] = Counter()
    for what, data in bad_models(good, BROKEN):
        refused, result = header_says(tmp_path, data), outcome(tmp_path, data)
        if refused:
            seen["refused by the header check"] += 1
        elif result.startswith("answers"):
            seen["answers"] += 1
        else:
            seen["killed the worker" if "was ended by" in result else "refused by llama.cpp"] += 1
        assert not (refused and result.startswith("answers")), (what, refused)
    print(dict(seen))


def test_two_hundred_starts_leave_nothing_behind(endless: LlamaEngine) -> None:
    next(iter(endless.stream(prompt(max_tokens=1))))
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(STARTS):
        pid = endless.pid
        assert pid is not None
        life = endless._worker._life
        assert life is not None
        os.kill(pid, signal.SIGKILL)
        life.join(10)
        assert "".join(endless.stream(prompt(max_tokens=1))) == "1"
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert threading.active_count() == threads
    endless.close()
