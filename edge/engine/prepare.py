"""Settings, an installed model and this machine in; the options of its worker out, or why it cannot be run here.

Deciding is left to `fit`; looking for GPUs to a worker of its own, since no other process may load llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from edge.config import Settings
from edge.engine.machine import resources
from edge.engine.machine.fit import Plan, Wishes, plan
from edge.engine.machine.probe import parse_gpus, read_device_facts
from edge.engine.machine.resources import Machine
from edge.engine.machine.shape import read_shape
from edge.engine.process.options import KvType, WorkerOptions
from edge.errors import EngineError, NotFoundError, StorageError, UsageError
from edge.models import gguf
from edge.models.store import ModelStore

AUTO = "auto"
ALL_LAYERS = 10_000
BACK_ENDS = "back-ends"
"""Folder in edge's home whose back ends are used without any setting."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The options a worker is started with; ``plan`` is None where this machine does not tell its memory."""

    options: WorkerOptions
    plan: Plan | None
    machine: Machine | None


def prepare(
    settings: Settings,
    model: Path,
    look: Callable[[Settings], Machine | None] | None = None,
) -> Prepared:
    """Decide how a model is run here, with the adapters that were chosen for it.

    Args:
        settings: the wishes of whoever set up this device.
        model: a GGUF.
        look: tells what the machine has; by default, looks.

    Raises:
        UsageError: a setting makes no sense.
        NotFoundError, StorageError: the model cannot be read.
        ModelError: it is damaged, or does not fit.
    """
    loras = _find_adapters(settings, model)
    wishes = read_wishes(settings, sum(path.stat().st_size for path, _ in loras))
    modules = find_back_ends(settings)
    shape = read_shape(gguf.read_header(model), model.name)
    here = (look or read_machine)(settings)
    if here is None:
        return Prepared(_make_unplanned(settings, model, wishes, loras), None, None)
    chosen = plan(model.name, shape, here, wishes)
    options = WorkerOptions(
        model, "generate", chosen.threads, chosen.input_tokens, chosen.output_tokens, chosen.parallel, chosen.cells,
        chosen.kv_type, chosen.gpu_layers, chosen.repack, loras=loras,
        back_ends=modules if chosen.gpu_layers else None,
    )  # fmt: skip
    return Prepared(options, chosen, here)


def prepare_at_least(settings: Settings, model: Path) -> tuple[WorkerOptions, Callable[[], object] | None]:
    """Return the options of a model's worker; of its smallest way to run, where it does not fit or cannot be read now.

    The second value is None, or raises why it cannot be loaded as long as that is so: whoever asks without a language
    model goes on without one, and memory may be free by the time of the next question.

    Raises:
        UsageError: a setting makes no sense.
    """
    try:
        return prepare(settings, model).options, None
    except (EngineError, NotFoundError, StorageError):
        least = replace(settings, parallel=1, kv_type="q4_0", gpu_layers="0", repack="off")
        wishes = read_wishes(least)
        return _make_unplanned(least, model, wishes, _find_adapters(settings, model)), lambda: prepare(
            least, model
        )


def read_wishes(settings: Settings, beside: int = 0) -> Wishes:
    """Read what the settings ask for.

    Raises:
        UsageError: one of them makes no sense.
    """
    if settings.max_input_tokens < 1 or settings.max_output_tokens < 1:
        raise UsageError("max_input_tokens and max_output_tokens must be 1 or more.", "Correct the setting.")
    if settings.parallel > 64:
        raise UsageError(f"parallel = {settings.parallel} is more than 64.", "Correct the setting.")
    return Wishes(
        settings.max_input_tokens,
        settings.max_output_tokens,
        settings.threads or None,
        settings.parallel or None,
        _parse_choice("kv_type", settings.kv_type, {kind: kind for kind in get_args(KvType)}),
        _parse_layers(settings.gpu_layers),
        _parse_choice("repack", settings.repack, {"on": True, "off": False}),
        beside,
    )


def find_back_ends(settings: Settings) -> Path | None:
    """Find the folder with further back ends: the one that is set, else ``back-ends`` in edge's home, if that exists.

    Raises:
        UsageError: the one that is set does not exist.
    """
    if not settings.back_ends:
        own = settings.home.absolute() / BACK_ENDS
        return own if own.is_dir() else None
    folder = Path(settings.back_ends).expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"back_ends: {folder} is no folder.", "Correct the setting.")
    return folder


def read_machine(settings: Settings) -> Machine | None:
    """Read what this machine has, with the GPUs that llama.cpp can use."""
    if not may_have_gpu(settings):
        return resources.read_machine()
    return resources.read_machine(parse_gpus(read_device_facts(find_back_ends(settings))))


def may_have_gpu(settings: Settings) -> bool:
    """Return whether a GPU may be used, so that asking is worth a process: only modules of back ends bring them.

    Raises:
        UsageError: as `find_back_ends`.
    """
    folder = find_back_ends(settings)
    return settings.gpu_layers != "0" and folder is not None and any(folder.glob("libggml-*.so"))


def _find_adapters(settings: Settings, model: Path) -> tuple[tuple[Path, float], ...]:
    """Return the adapters chosen for a model, if it is the one in use."""
    store = ModelStore(settings)
    return store.list_loras() if store.find_active() == model else ()


def _parse_choice(name: str, value: str, known: dict[str, Any]) -> Any:
    if value == AUTO:
        return None
    if value not in known:
        raise UsageError(f"{name} = {value!r} is not known.", f"One of: {', '.join([AUTO, *known])}.")
    return known[value]


def _parse_layers(value: str) -> int | None:
    if value in (AUTO, "all"):
        return None if value == AUTO else ALL_LAYERS
    if not value.isdecimal() or len(value) > 5:
        raise UsageError(f"gpu_layers = {value!r} is not known.", "A number of layers, all, or auto.")
    return int(value)


def _make_unplanned(
    settings: Settings, model: Path, wishes: Wishes, loras: tuple[tuple[Path, float], ...]
) -> WorkerOptions:
    return WorkerOptions(
        model, "generate", settings.threads or resources.choose_threads(),
        settings.max_input_tokens, settings.max_output_tokens,
        parallel=wishes.parallel or 4, kv_type=wishes.kv_type or "f16",
        gpu_layers=wishes.gpu_layers or 0, repack=bool(wishes.repack), loras=loras,
        back_ends=find_back_ends(settings) if wishes.gpu_layers else None,
    )  # fmt: skip
