"""Settings in, a working assistant out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.app import Edge, Mode, build, make_embedder, make_find
from edge.config import Settings
from edge.engine.embedder import LlamaEmbedder
from edge.engine.scripted import ScriptedEmbedder
from edge.errors import NotFoundError, UsageError
from edge.ingest.build import build as build_source
from edge.models.store import ModelStore
from edge.packs.pack import Pack
from edge.packs.store import PackStore
from edge.types import Answer, Answered, Question
from tests.conftest import BuildPack

TINY = Path(__file__).parent / "tiny_model" / "tiny.gguf"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home", embedder="none", threads=1, max_input_tokens=1536, max_output_tokens=512
    )


def answered(edge: Edge, question: str, conversation: str | None = None) -> Answer:
    *_, last = edge.assistant.answer(Question(question, conversation_id=conversation))
    assert isinstance(last, Answered)
    return last.answer


def test_making_it_starts_nothing_and_writes_nothing(settings: Settings) -> None:
    with build(replace(settings, embedder=""), Mode.SERVER) as edge:
        assert edge.embedder is not None
        assert edge.embedder.pid is None
        assert edge.library.open_packs() == []
    assert not settings.home.exists()


def test_without_a_model_the_engine_is_extractive_and_with_one_it_is_that(settings: Settings) -> None:
    with Edge(settings) as edge:
        assert edge.get_engine("auto") is edge.get_engine("extractive") is None
        ModelStore(settings).add(TINY)
        engine = edge.get_engine("auto")
        assert engine is not None
        assert engine.name == "llama:tiny"
        assert edge.get_engine("auto") is edge.get_engine("llama")


def test_an_engine_that_cannot_be_had_says_why(settings: Settings) -> None:
    with Edge(settings) as edge:
        with pytest.raises(UsageError, match="'gpt'"):
            edge.get_engine("gpt")
        with pytest.raises(NotFoundError):
            edge.get_engine("llama")


def test_the_embedder_is_the_one_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    assert make_embedder(settings) is None
    assert isinstance(make_embedder(replace(settings, embedder="")), LlamaEmbedder)
    with pytest.raises(NotFoundError):
        make_embedder(replace(settings, embedder=str(tmp_path / "none.gguf")))


def test_limits_are_those_of_the_settings(settings: Settings, build_pack: BuildPack) -> None:
    PackStore(settings).install(build_pack(), allow_unsigned=True)
    with Edge(replace(settings, max_question_bytes=20)) as edge, pytest.raises(UsageError, match="too long"):
        edge.assistant.search(Question("What torque do the housing bolts need?"), 5)


def test_conversations_are_kept_when_asked_for(settings: Settings, build_pack: BuildPack) -> None:
    PackStore(settings).install(build_pack(), allow_unsigned=True)
    with Edge(settings) as edge:
        answered(edge, "housing bolts torque", "c")
    assert not settings.state_file.exists()
    with Edge(settings, Mode.SERVER) as edge:
        answered(edge, "housing bolts torque", "c")
    with Edge(settings, Mode.SERVER) as edge:
        assert edge.conversations is not None
        assert edge.conversations.read_history("c")[0].content == "housing bolts torque"


def test_a_question_is_answered_by_the_real_parts_together(
    settings: Settings, build_pack: BuildPack, embedder: LlamaEmbedder
) -> None:
    documents = {
        "px.md": "# PX-200\n\n## Torque\n\nTighten the M8 bolts crosswise to 25 Nm. Grease the threads."
    }
    PackStore(settings).install(build_pack(documents, embedder=embedder), allow_unsigned=True)
    ModelStore(settings).add(TINY)
    with Edge(replace(settings, embedder="")) as edge:
        edge.warm_up()
        given = answered(edge, "What torque do the M8 bolts need?")
        assert (given.mode, given.engine) == ("generated", "llama:tiny")
        assert given.text == "Tighten the M8 bolts crosswise to 25 Nm. [1]"
        assert [citation.passage.document for citation in given.citations] == ["px.md"]
        pids = [edge.embedder.pid if edge.embedder else None, edge.get_engine("llama").pid]  # type: ignore[attr-defined]
        assert None not in pids
    assert edge.embedder is not None
    assert edge.embedder.pid is None


def test_closing_twice_is_allowed(settings: Settings) -> None:
    edge = Edge(settings, Mode.SERVER)
    edge.close()
    edge.close()


def test_a_new_pack_is_tested_with_the_search_that_will_answer_from_it(pumps: Pack, tmp_path: Path) -> None:
    search = make_find(ScriptedEmbedder())
    results = search(pumps, "The coupling bolts are tightened to 8 Nm.")
    chunks = [chunk for result in results for chunk in result]
    assert any("8 Nm" in chunk.text for chunk in pumps.get_chunks(chunks[:2]))
    assert len(set(chunks)) == len(chunks)
    source = tmp_path / "source"
    source.mkdir()
    (source / "pack.toml").write_text('name = "a"\nversion = "1.0"\ntitle = "A"\n')
    (source / "a.md").write_text("# Fan\n\nClean the blades of the fan with a soft brush every month.\n")
    report = build_source(source, tmp_path / "a.kpack", ScriptedEmbedder(), workers=0, find=search)
    assert (report.selftest.asked, report.selftest.found) == (1, 1)


def test_importing_it_loads_no_model_library() -> None:
    program = "import edge.app, sys; print({'llama_cpp', 'fastapi', 'typer'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
