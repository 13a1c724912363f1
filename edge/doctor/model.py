"""Checks the language model: its file, how it would be run here, and that it writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from edge import app
from edge.config import Settings
from edge.doctor.check import Check
from edge.embedded.bundled import BundledFile, find_place
from edge.embedded.findings import open_findings
from edge.embedded.part import read_size, read_stamp
from edge.engine.interface import Engine
from edge.engine.llama import LlamaEngine
from edge.engine.machine.fit import Plan
from edge.engine.machine.resources import Machine
from edge.engine.prepare import prepare
from edge.files import format_size
from edge.models.checks import check_language_model
from edge.models.integrity import Record, read_record, verify
from edge.models.store import ModelStore
from edge.types import Message, Prompt

DAY_S = 86400
RECENT_S = 600
"""A file that was hashed so many seconds ago is not hashed again: 4.5 GB take 15 seconds."""


def check_unused_models(store: ModelStore) -> Iterator[Check]:
    """Check which models beside or inside the program are not used, and why."""
    for model in store.find_problems():
        if model.path != store.find_active() and model.error:
            yield Check("model", "warn", model.error.message, model.error.hint)
    for model in store.list_shadowed():
        detail = (
            f"{BundledFile(model.path, model.place)} is not used: another model named {model.name} goes first"
        )
        yield Check("model", "ok", detail)


def check_model(settings: Settings, here: Machine | None, deep: bool = False) -> Check:
    """Check the language model's file, and how it would be run; it is not loaded. ``deep`` hashes all of it."""
    store = ModelStore(settings)
    path = store.find_active()
    if path is None:
        return Check("model", "ok", "none; answers quote the manuals")
    header = check_language_model(path)
    facts = [path.stem, header.architecture, format_size(read_size(path))]
    facts += [f"with {adapter.stem}" for adapter, _ in store.list_loras()]
    known = open_findings(settings.home)
    if (place := find_place(path)) != "installed":
        facts.append(f"{place} the program")
    record = read_record(path, known)
    if deep and not (record and record.seen == read_stamp(path) and time.time() - record.checked < RECENT_S):
        record = verify(path, findings=known)
    facts.append(_describe_record(record, path, place))
    prepared = prepare(settings, path, lambda _: here)
    if prepared.plan and prepared.machine:
        facts.append(_describe_plan(prepared.plan, prepared.machine))
    return Check("model", "ok", ", ".join(facts))


def check_writing(settings: Settings) -> Check:
    """Load the language model and let it write a few words."""
    messages = (Message("user", "Say: ready"),)
    start = time.perf_counter()
    with app.build(settings) as edge:
        engine = edge.get_engine("llama")
        assert engine is not None
        fallback = _find_missing_layers(engine)
        pieces = engine.stream(Prompt("Say: ready", (), messages, 8))
        first = next(pieces, None)
        loaded = time.perf_counter() - start
        rest = sum(1 for _ in pieces)
    seconds = time.perf_counter() - start - loaded
    if fallback:
        return Check(
            "writing", "fail", fallback, "See the line on the device; the model may be too large for it."
        )
    if first is None:
        return Check("writing", "warn", "the model loads but writes nothing", "Try another model.")
    speed = f", then {rest / seconds:.0f} tokens a second" if rest and seconds > 0 else ""
    return Check("writing", "ok", f"first word after {loaded:.1f} s{speed}")


def _find_missing_layers(engine: Engine) -> str:
    """Say that fewer layers run on a GPU than planned; empty when all do."""
    if not isinstance(engine, LlamaEngine):
        return ""
    wanted, there = engine.options.gpu_layers, engine.read_facts().get("gpu_layers", 0)
    layers = engine.read_facts().get("layers", 0)
    if not isinstance(there, int) or not isinstance(layers, int) or there >= min(wanted, layers + 1):
        return ""
    return f"{there} layers run on a GPU, {min(wanted, layers + 1)} were to"


def _describe_record(record: Record | None, path: Path, place: str) -> str:
    """Say if and when the file's SHA-256 was found right."""
    if record is None:
        return "no SHA-256 recorded yet"
    if record.seen != read_stamp(path):
        changed = place == "installed"
        return "changed since it came: hashed at the next load" if changed else "hashed at its first load"
    if record.checked:
        return f"SHA-256 right {_format_days(time.time() - record.checked)}"
    return "SHA-256 recorded"


def _describe_plan(plan: Plan, here: Machine) -> str:
    requests = "1 request" if plan.parallel == 1 else f"{plan.parallel} requests"
    kind = "" if plan.kv_type == "f16" else f" in {plan.kv_type}"
    where = f"{format_size(plan.bytes)} of {format_size(here.memory.free)}"
    if plan.device_bytes:
        where = f"{format_size(plan.device_bytes)} on the GPU, {where}"
    layers = f", {plan.gpu_layers} layers on the GPU" if plan.gpu_layers else ""
    return f"would answer {requests} at once with {plan.cells:,} tokens of cache{kind}{layers}: {where} free"


def _format_days(seconds: float) -> str:
    days = int(seconds // DAY_S)
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
