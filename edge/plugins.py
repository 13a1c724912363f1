"""The engines that come with edge, by name; others come in by the entry point ``edge.engines``.

An engine is made by a function of the settings; what it needs to import, it imports there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from edge.config import Settings
from edge.engine.interface import Engine
from edge.errors import EngineError, UsageError
from edge.types import EXTRACTIVE

MakeEngine = Callable[[Settings], Engine]
GROUP = "edge.engines"
AUTO = "auto"


def make_llama(settings: Settings) -> Engine:
    """Make the engine of the active GGUF model, through llama.cpp in a worker process."""
    from edge.engine.llama import LlamaEngine
    from edge.models.store import ModelStore

    return LlamaEngine.from_settings(settings, ModelStore(settings).require_active())


def make_openai(settings: Settings) -> Engine:
    """Make the engine of a model on an OpenAI-compatible server, named by the settings: the only one that connects."""
    from edge.engine.openai import OpenAIEngine

    return OpenAIEngine.from_settings(settings, os.environ)


def make_scripted(settings: Settings) -> Engine:
    """Make the fake, which cites the first sentence it is given, for programs that connect before there is a model."""
    from edge.engine.scripted import ScriptedEngine, quote_opening

    return ScriptedEngine(quote_opening)


BUILT_IN: dict[str, MakeEngine] = {
    "llama": make_llama, "openai": make_openai, "scripted": make_scripted
}  # fmt: skip


def get_maker(name: str) -> MakeEngine:
    """Return the function that makes an engine.

    Raises:
        UsageError: no engine has this name.
        EngineError: it comes from another distribution and cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in others:
        return _load(others[name])
    known = ", ".join([AUTO, EXTRACTIVE, *BUILT_IN, *others])
    raise UsageError(f"There is no engine '{name}'.", f"Known engines: {known}.")


def _load(entry: EntryPoint) -> MakeEngine:
    try:
        made: MakeEngine = entry.load()
    except Exception as error:  # whatever its module does when it is imported
        raise EngineError(
            f"The engine '{entry.name}' cannot be loaded: {error}.",
            "Install it again, or choose another with --engine.",
        ) from error
    return made
