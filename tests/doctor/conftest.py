"""A device with nothing on it, and a pack of three lines to install there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config import Settings
from edge.engine.scripted import ScriptedEmbedder
from edge.ingest.build import build
from edge.packs.store import PackStore

LINES = (
    "Open the vent screw by one turn before the start.",
    "Tighten the housing bolts crosswise to the value on the plate.",
    "Clear the condensate drain and restart the unit.",
)

Install = Callable[..., None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", embedder="none")


@pytest.fixture
def install(settings: Settings, tmp_path: Path) -> Install:
    """Builds and installs a pack of three lines."""

    def call(embedder: ScriptedEmbedder | None = None) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / "pack.toml").write_text('name = "pumps"\nversion = "1.0"\ntitle = "Pumps"\n')
        (source / "pump.md").write_text("\n\n".join(LINES))
        build(source, tmp_path / "pumps.kpack", embedder)
        PackStore(settings).install(tmp_path / "pumps.kpack", allow_unsigned=True)

    return call
