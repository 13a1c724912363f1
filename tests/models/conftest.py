"""The real models of the engine's tests."""

from __future__ import annotations

from tests.engine.conftest import endless, endless_model, engine, model

__all__ = ["endless", "endless_model", "engine", "model"]
