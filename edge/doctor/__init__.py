"""Checks this device, one fact after another. Nothing is changed, and no fault stops the checks after it.

Showing the checks is left to ``edge doctor``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edge import app
from edge.config import Settings
from edge.doctor import device, model, search, system
from edge.doctor.check import Check, Status, report_error, run_check
from edge.embedded.part import EXECUTABLE
from edge.engine.interface import Embedder
from edge.engine.machine import probe, resources
from edge.engine.prepare import may_have_gpu
from edge.errors import EdgeError
from edge.files import UNFINISHED, get_unfinished_path
from edge.models.pull import FOLDER as PULLED
from edge.models.store import ModelStore
from edge.packs.store import PackStore

__all__ = ["Check", "Status", "diagnose"]


def diagnose(settings: Settings, deep: bool = False) -> Iterator[Check]:
    """Yield every check as it is done. ``deep`` also hashes and loads the language model, and lets it write."""
    yield run_check("python", system.check_python)
    yield run_check("processor", lambda: system.check_processor(probe.read_processor()))
    yield run_check("memory", system.check_memory)
    found = device.Findings()
    yield run_check("device", lambda: device.check_device(settings, found))
    yield run_check("home", lambda: system.check_home(settings.home))
    yield run_check("sqlite", system.check_sqlite)
    yield run_check(
        "sandbox", lambda: system.check_sandbox(probe.read_sandbox_level(gpu=may_have_gpu(settings)))
    )
    embedder: Embedder | None = None
    try:
        embedder = app.make_embedder(settings)
        yield run_check(
            "embedder", lambda: search.check_embedder(embedder, wanted=settings.embedder != "none")
        )
    except EdgeError as error:
        yield report_error("embedder", error)
    try:
        yield from search.check_packs(PackStore(settings), embedder)
    except EdgeError as error:
        yield report_error("pack", error)
    finally:
        if embedder is not None:
            embedder.close()
    yield run_check("reranker", lambda: search.check_reranker(settings))
    yield run_check("audit", lambda: search.check_audit(settings))
    yield run_check("sync", lambda: search.check_sync(settings))
    try:
        yield from model.check_unused_models(ModelStore(settings))
        yield run_check(
            "model", lambda: model.check_model(settings, resources.read_machine(found.devices), deep)
        )
        if deep and ModelStore(settings).find_active():
            yield run_check("writing", lambda: model.check_writing(settings))
    except EdgeError as error:
        yield report_error("model", error)
    yield from check_leftovers(settings)


def check_leftovers(settings: Settings) -> Iterator[Check]:
    """Check for files that interrupted work has left behind."""
    folders = (settings.packs_dir.glob(".staging-*"), settings.packs_dir.glob(".trash-*"))
    found = [path.name for folder in folders for path in folder]
    found += [path.name for path in settings.models_dir.glob(UNFINISHED)]
    if found:
        hint = "The next change of packs or models removes it."
        yield Check(
            "left over", "warn", f"from an interrupted installation: {', '.join(sorted(found))}", hint
        )
    if program := os.environ.get(EXECUTABLE):
        unfinished = get_unfinished_path(Path(program))
        if unfinished.exists():
            hint = "The next `edge bundle add` or `edge bundle remove` writes over it."
            yield Check("left over", "warn", f"from an interrupted change of the program: {unfinished}", hint)
    begun = [path for path in (settings.models_dir / PULLED).glob("*") if path.name != ".lock"]
    if begun:
        hint = "The same `edge model pull` resumes it; a month later the next pull removes it."
        yield Check("left over", "ok", f"{len(begun)} begun download of a model", hint)
