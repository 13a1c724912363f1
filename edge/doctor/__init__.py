"""Is everything in order? One check after another, each a fact with its status; nothing is changed and nothing stops at
the first fault. Showing them is left to ``edge doctor``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge import app
from edge.config import Settings
from edge.doctor import device, search, system, writing
from edge.doctor.check import Check, Status, failed, safely
from edge.embedded.part import EXECUTABLE
from edge.engine.interface import Embedder
from edge.engine.machine import cpu, resources, sandbox_level
from edge.engine.prepare import may_have_gpu
from edge.errors import EdgeError
from edge.models.pull import FOLDER as PULLED
from edge.models.store import ModelStore
from edge.packs.store import PackStore

__all__ = ["Check", "Status", "diagnose"]


def diagnose(settings: Settings, deep: bool = False) -> Iterator[Check]:
    """Every check in order, as each is done. ``deep`` also hashes and loads the language model, and lets it write."""
    yield safely("python", system.python)
    yield safely("processor", lambda: system.processor(cpu.look()))
    yield safely("memory", system.memory)
    found = device.Found()
    yield safely("device", lambda: device.check(settings, found))
    yield safely("home", lambda: system.home(settings.home))
    yield safely("sqlite", system.sqlite)
    yield safely("sandbox", lambda: system.sandbox(sandbox_level.look(gpu=may_have_gpu(settings))))
    embedder: Embedder | None = None
    try:
        embedder = app.make_embedder(settings)
        yield safely("embedder", lambda: search.embedding(embedder, wanted=settings.embedder != "none"))
    except EdgeError as error:
        yield failed("embedder", error)
    try:
        yield from search.packs(PackStore(settings), embedder)
    except EdgeError as error:
        yield failed("pack", error)
    finally:
        if embedder is not None:
            embedder.close()
    yield safely("reranker", lambda: search.reranking(settings))
    yield safely("sync", lambda: search.synced(settings))
    try:
        yield from writing.models(ModelStore(settings))
        yield safely("model", lambda: writing.model(settings, resources.look(found.devices), deep))
        if deep and ModelStore(settings).active():
            yield safely("writing", lambda: writing.writing(settings))
    except EdgeError as error:
        yield failed("model", error)
    yield from left_overs(settings)


def left_overs(settings: Settings) -> Iterator[Check]:
    """What interrupted work left behind."""
    folders = (settings.packs_dir.glob(".staging-*"), settings.packs_dir.glob(".trash-*"))
    found = [path.name for folder in folders for path in folder]
    found += [path.name for path in settings.models_dir.glob("*.partial")]
    if found:
        hint = "The next change of packs or models removes it."
        yield Check(
            "left over", "warn", f"from an interrupted installation: {', '.join(sorted(found))}", hint
        )
    for program in filter(None, [os.environ.get(EXECUTABLE)]):
        unfinished = Path(program).with_name(f".{Path(program).name}.partial")
        if unfinished.exists():
            hint = "The next `edge bundle add` or `edge bundle remove` writes over it."
            yield Check("left over", "warn", f"from an interrupted change of the program: {unfinished}", hint)
    begun = [path for path in (settings.models_dir / PULLED).glob("*") if path.name != ".lock"]
    if begun:
        hint = "The same `edge model pull` resumes it; a month later the next pull removes it."
        yield Check("left over", "ok", f"{len(begun)} begun download of a model", hint)
