"""Engines by name: those that come with edge, and those that others install."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import EngineError, NotFoundError, UsageError
from edge.plugins import AUTO, BUILT_IN, get_maker

MODULE = """
from edge.engine.scripted import ScriptedEngine

def make(settings):
    return ScriptedEngine([str(settings.home)])
"""
ENTRY_POINTS = """[edge.engines]
radio = edge_radio:make
lost = edge_radio:there_is_none
gone = edge_no_such_module:make
scripted = edge_radio:make
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution that brings engines."""
    folder = tmp_path / "site"
    metadata = folder / "edge_radio-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: edge-radio\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "edge_radio.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "edge_radio", raising=False)


def test_llama_needs_a_model(settings: Settings) -> None:
    with pytest.raises(NotFoundError) as caught:
        get_maker("llama")(settings)
    assert "edge model add" in caught.value.hint


def test_openai_needs_an_address(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="address") as caught:
        get_maker("openai")(settings)
    assert "openai_url" in caught.value.hint
    named = replace(settings, openai_url="http://localhost:8000", openai_model="qwen")
    assert get_maker("openai")(named).name == "openai:qwen"
    monkeypatch.setenv("EDGE_OPENAI_KEY", "a b")
    with pytest.raises(EngineError, match="EDGE_OPENAI_KEY"):
        get_maker("openai")(named)


def test_there_is_one_for_whoever_connects_a_program_first(settings: Settings) -> None:
    assert get_maker("scripted")(settings).name == "scripted"


def test_an_engine_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(UsageError, match="no engine 'gpt'") as caught:
        get_maker("gpt")
    assert all(name in caught.value.hint for name in (AUTO, *BUILT_IN))


@pytest.mark.usefixtures("plugin")
def test_others_come_in_by_entry_point(settings: Settings) -> None:
    assert get_maker("radio")(settings).name == "scripted"
    with pytest.raises(UsageError) as caught:
        get_maker("gpt")
    assert "radio" in caught.value.hint


@pytest.mark.usefixtures("plugin")
def test_nobody_replaces_what_comes_with_edge() -> None:
    assert get_maker("scripted") is BUILT_IN["scripted"]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("name", ["lost", "gone"])
def test_one_that_cannot_be_loaded_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(EngineError, match=f"'{name}'") as caught:
        get_maker(name)
    assert caught.value.hint
