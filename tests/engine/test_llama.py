"""Generation through a real worker and real llama.cpp."""

from __future__ import annotations

import os
import signal
from bisect import bisect
from pathlib import Path

import pytest

from edge.config import Settings
from edge.engine.llama import LlamaEngine
from edge.engine.process.session import Patience
from edge.errors import EngineError, ModelError
from tests.engine.chain_model import CONTROL, write_chain_model
from tests.engine.conftest import ANSWER, make_prompt
from tests.engine.under_fire import ask_under_fire
from tests.engine.workers import make_writer


def test_the_answer_comes_in_pieces_of_whole_characters(engine: LlamaEngine) -> None:
    assert list(engine.stream(make_prompt())) == ["Ö", "l", " ", "2", "5", "µ", "✓"]


def test_a_second_question_gets_the_same_answer(engine: LlamaEngine) -> None:
    assert ["".join(engine.stream(make_prompt(text))) for text in ("How?", "How much?", "How?")] == [
        ANSWER
    ] * 3


def test_the_token_limit_holds_and_leaves_no_half_characters(engine: LlamaEngine) -> None:
    assert "".join(engine.stream(make_prompt(max_tokens=3))) == "Öl"
    assert (
        "".join(engine.stream(make_prompt(max_tokens=9))) == "Öl 25µ"
    )  # ends within the three bytes of the tick


def test_no_answer_is_longer_than_the_worker_allows(endless_model: Path) -> None:
    engine = LlamaEngine(make_writer(endless_model, 512))
    text = "".join(engine.stream(make_prompt(max_tokens=10_000)))
    engine.close()
    assert text == ("123456789" * 15)[:128]


def test_cancelling_ends_the_answer_within_a_few_tokens(endless: LlamaEngine) -> None:
    pieces: list[str] = []
    for piece in endless.stream(make_prompt(max_tokens=4000), cancelled=lambda: len(pieces) >= 5):
        pieces.append(piece)
    assert pieces == list("12345")
    assert next(iter(endless.stream(make_prompt()))) == "1"


def test_an_answer_nobody_reads_on_is_given_up(endless: LlamaEngine) -> None:
    stream = endless.stream(make_prompt(max_tokens=4000))
    assert next(stream) == "1"
    del stream
    assert "".join(endless.stream(make_prompt(max_tokens=9))) == "123456789"


def test_a_cancelled_prompt_is_not_computed_to_its_end(endless: LlamaEngine) -> None:
    looks = iter([False, False])
    assert list(endless.stream(make_prompt("x" * 3500), cancelled=lambda: next(looks, True))) == []
    assert next(iter(endless.stream(make_prompt()))) == "1"


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_dead_worker_is_an_error_once(engine: LlamaEngine, death: signal.Signals) -> None:
    list(engine.stream(make_prompt()))
    pid = engine.pid
    assert pid is not None
    os.kill(pid, death)
    with pytest.raises(EngineError, match=death.name) as caught:
        list(engine.stream(make_prompt()))
    assert caught.value.hint
    assert "".join(engine.stream(make_prompt())) == ANSWER
    assert engine.pid != pid


def test_a_worker_that_dies_while_it_answers_is_an_error(endless: LlamaEngine) -> None:
    stream = endless.stream(make_prompt(max_tokens=4000))
    next(stream)
    assert endless.pid is not None
    os.kill(endless.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="SIGKILL"):
        list(stream)


def test_a_prompt_of_100_000_characters_is_refused_and_the_worker_lives(engine: LlamaEngine) -> None:
    long = make_prompt("oil " * 25_000)
    assert not engine.fits(long)
    pid = engine.pid
    with pytest.raises(EngineError, match="context"):
        list(engine.stream(long))
    assert "".join(engine.stream(make_prompt())) == ANSWER
    assert engine.pid == pid


def test_fits_counts_the_answer_too(engine: LlamaEngine) -> None:
    assert engine.fits(make_prompt(max_tokens=64))
    assert not engine.fits(make_prompt(max_tokens=510))


def test_what_fits_is_answered_and_what_does_not_is_refused(engine: LlamaEngine) -> None:
    def too_long(characters: int) -> bool:
        return not engine.fits(make_prompt("x" * characters, max_tokens=8))

    most = bisect(range(1000), False, key=too_long) - 1
    assert "".join(engine.stream(make_prompt("x" * most, max_tokens=8))) == ANSWER[:6]
    with pytest.raises(EngineError, match="tokens"):
        list(engine.stream(make_prompt("x" * (most + 1), max_tokens=8)))


def test_the_context_is_never_longer_than_the_model_was_trained_for(model: Path) -> None:
    engine = LlamaEngine(make_writer(model, 100_000))
    assert engine.read_facts()["context"] == 512
    engine.close()


def test_text_that_is_not_unicode_does_not_stop_the_worker(engine: LlamaEngine) -> None:
    assert "".join(engine.stream(make_prompt("\ud800 \x00 \U0001f527 oil?"))) == ANSWER


def test_the_models_own_template_is_used(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{{ '[' + m.role + ']' + m.content }}{% endfor %}{{ raise_exception('no!') }}"
    )
    engine = LlamaEngine(make_writer(write_chain_model(tmp_path / "m.gguf", "ok", template=template)))
    with pytest.raises(EngineError, match="no!"):
        list(engine.stream(make_prompt()))
    engine.close()


def test_a_passage_cannot_speak_in_control_tokens(tmp_path: Path) -> None:
    template = "{{ messages[-1].content }}"
    engine = LlamaEngine(
        make_writer(write_chain_model(tmp_path / "m.gguf", "ok", context=64, template=template))
    )
    # As a control token it would count once each time, and 40 would fit.
    assert not engine.fits(make_prompt(CONTROL * 40, max_tokens=1))
    engine.close()


def test_the_name_is_that_of_the_file(model: Path) -> None:
    engine = LlamaEngine.from_settings(Settings(home=Path()), model)
    assert engine.name == "llama:chain"


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04" + bytes(100), b"GGUF" + b"\xff" * 64])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    engine = LlamaEngine(make_writer(path))
    with pytest.raises(ModelError, match=r"bad\.gguf") as caught:
        list(engine.stream(make_prompt()))
    assert caught.value.hint
    engine.close()


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    engine = LlamaEngine(make_writer(tmp_path))
    with pytest.raises(ModelError):
        engine.read_facts()
    engine.close()


def test_a_truncated_model_is_refused(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(model.read_bytes()[:-100_000])
    engine = LlamaEngine(make_writer(path))
    with pytest.raises(ModelError, match=r"cut\.gguf"):
        engine.read_facts()
    engine.close()


def test_an_embedder_does_not_write(embedder_path: Path) -> None:
    engine = LlamaEngine(make_writer(embedder_path))
    with pytest.raises(ModelError, match="is an embedder"):
        engine.read_facts()
    engine.close()


def test_a_closed_engine_says_so(engine: LlamaEngine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        list(engine.stream(make_prompt()))


def test_kills_under_load_cost_answers_but_never_the_service(endless_model: Path) -> None:
    engine = LlamaEngine(make_writer(endless_model, 4096, parallel=4))
    ends = ask_under_fire(engine, askers=4, kills=4)
    engine.close()
    assert ends.pop("answer") > 4
    assert all("SIGKILL" in message for message in ends), ends


def test_an_engine_nobody_uses_gives_its_memory_back_and_returns(model: Path) -> None:
    engine = LlamaEngine(make_writer(model, 512), Patience(idle=0.05))
    assert "".join(engine.stream(make_prompt())) == ANSWER
    session = engine._worker._session
    assert session is None or session.join(10) is None
    assert engine.pid is None
    assert "".join(engine.stream(make_prompt())) == ANSWER
    engine.close()


def test_the_setting_says_when(model: Path, tmp_path: Path) -> None:
    engine = LlamaEngine.from_settings(Settings(home=tmp_path, idle_unload_minutes=2), model)
    assert engine._worker._patience.idle == 120
    never = LlamaEngine.from_settings(Settings(home=tmp_path, idle_unload_minutes=0), model)
    assert never._worker._patience.idle == 0
    assert Settings(home=tmp_path).idle_unload_minutes == 30
    engine.close()
    never.close()
