"""Packs that are measured on: built by the real builder, kept in the cache folder of ``build/packs.py``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from edge import app
from edge.cli.ui.progress import show_progress
from edge.config import load_settings
from edge.engine.interface import Embedder
from edge.engine.machine.resources import count_cores
from edge.ingest.build import Progress, build
from edge.packs.pack import Pack
from fetch import make_cache_folder
from pack_cache import STARTER, build_cached_pack, build_with_edge
from tests.bench.remembered import RememberingEmbedder


@contextmanager
def open_starter() -> Iterator[Pack]:
    """Open the starter pack."""
    with Pack.open(build_cached_pack(STARTER, build_with_edge)) as pack:
        yield pack


@contextmanager
def build_pack(name: str, documents: Mapping[str, bytes]) -> Iterator[Pack]:
    """Build the pack of these documents (file name to bytes), and open it."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, name)
        source.mkdir()
        (source / "pack.toml").write_text(f'name = "{name}"\nversion = "1"\ntitle = "{name}"\n')
        for file, data in documents.items():
            (source / file).write_bytes(data)
        path = build_cached_pack(source, _build)
    with Pack.open(path) as pack:
        yield pack


def make_query_embedder() -> Embedder:
    """Make the embedder as questions use it: one thread, nothing remembered."""
    embedder = app.make_embedder(load_settings())
    if embedder is None:
        raise SystemExit("There is no embedder; `make setup` makes one.")
    embedder.start()
    return embedder


def _build(source: Path, path: Path) -> None:
    inside = app.make_embedder(load_settings(), threads=count_cores())
    assert inside is not None
    with (
        closing(RememberingEmbedder(inside, make_cache_folder() / "bench-vectors.sqlite")) as embedder,
        show_progress() as report,
    ):

        def step(step: Progress) -> None:
            report(f"{source.name}: {step.stage}", step.document, step.done, step.total)

        build(source, path, embedder, step, find=app.make_find(embedder))
