"""Options of workers for tests: one thread, a small context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.engine.options import WorkerOptions


def writer(model: Path, context: int = 4096, **options: Any) -> WorkerOptions:
    """A worker that writes; ``context`` tokens of prompt and answer together."""
    return WorkerOptions(
        model, "generate", input_tokens=context - context // 4, output_tokens=context // 4, **options
    )
