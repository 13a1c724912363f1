"""Small real packs, built from Markdown as `edge pack build` builds them, and the embedder that comes with edge."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.config import Settings
from edge.engine.embedder import LlamaEmbedder, find_embedder
from edge.engine.interface import Embedder
from edge.engine.scripted import ScriptedEmbedder
from edge.ingest.build import build
from edge.ingest.readers import read
from edge.packs.pack import Pack

PX_200 = """# PX-200 pump

## Venting

WARNING: The pump starts without notice. Switch off and lock out the mains before you open the housing.

To vent the pump:

1. Close the discharge valve.
2. Open the vent screw by one turn.
3. Close it when water runs out without bubbles.

## Torque

The housing bolts are tightened crosswise to 25 Nm. The coupling bolts are tightened to 8 Nm.

## Faults

| Code | Meaning | Remedy |
|---|---|---|
| E-207 | blocked condensate drain | clear the drain |
| E-311 | phase missing at the inverter | check the fuses |
"""
PX_300 = """# PX-300 pump

## Torque

The housing bolts of this larger pump are tightened to 45 Nm, housing bolts first, then the coupling bolts.

## Lubrication

The bearing takes 12 grams of lithium grease each year.
"""
ISOLATION = """# Isolation

CAUTION: Capacitors stay charged for five minutes.

Lock out the main switch and prove that the terminals are dead before work on any pump.
"""
PUMPS: Mapping[str, str] = {"isolation.md": ISOLATION, "px-200.md": PX_200, "px-300.md": PX_300}
PUMPS_FOR = """
[documents."px-200.md"]
applies_to = ["PX-200"]
[documents."px-300.md"]
applies_to = ["PX-3*"]
"""

SCRIPTED = ScriptedEmbedder()

BuildPack = Callable[..., Path]
OpenPack = Callable[..., Pack]


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """Started in the background of a script, this process and all it starts would ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def build_pack(tmp_path_factory: pytest.TempPathFactory) -> BuildPack:
    """``build_pack(documents, name=…, version=…, toml=…, embedder=…)`` returns the .kpack, with vectors of words."""

    def call(
        documents: Mapping[str, str] = PUMPS,
        *,
        name: str = "pumps",
        version: str = "1.0",
        toml: str = "",
        embedder: Embedder | None = SCRIPTED,
        read: Callable[..., object] = read,
    ) -> Path:
        folder = tmp_path_factory.mktemp(name)
        source = folder / "source"
        source.mkdir()
        head = f'name = "{name}"\nversion = "{version}"\ntitle = "The {name} manuals"\n'
        (source / "pack.toml").write_text(head + toml, encoding="utf-8")
        for document, text in documents.items():
            (source / document).write_text(text, encoding="utf-8")
        report = build(source, folder / f"{name}.kpack", embedder, workers=0, read=read)  # type: ignore[arg-type]
        assert report.refused == ()
        return report.path

    return call


@pytest.fixture(scope="session")
def open_pack(build_pack: BuildPack) -> Iterator[OpenPack]:
    """Builds as ``build_pack`` does and opens the pack."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(Pack.open(build_pack(*arguments, **options)))


@pytest.fixture(scope="session")
def pumps(open_pack: OpenPack) -> Pack:
    """Three documents: one for the PX-200, one for the PX-300 and its kin, one for all equipment."""
    return open_pack(toml=PUMPS_FOR)


@pytest.fixture(scope="session")
def pumps_by_meaning(open_pack: OpenPack, embedder: LlamaEmbedder) -> Pack:
    """The same documents with vectors of the embedder that comes with edge."""
    return open_pack(toml=PUMPS_FOR, embedder=embedder)


@pytest.fixture(scope="session")
def embedder_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = find_embedder(Settings(home=tmp_path_factory.mktemp("home")))
    assert path is not None, "`make setup` brings the embedder"
    return path


@pytest.fixture(scope="session")
def embedder(embedder_path: Path) -> Iterator[LlamaEmbedder]:
    embedder = LlamaEmbedder(embedder_path)
    yield embedder
    embedder.close()
