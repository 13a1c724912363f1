"""The embedder: MiniLM through llama.cpp in a worker process of its own, so that a query never waits for a prompt."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from edge.config import Settings
from edge.engine.interface import Vectors
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import make_command
from edge.engine.process.supervisor import Worker
from edge.errors import EngineError, NotFoundError
from edge.files import hash_file, translate_os_errors
from edge.models import gguf
from edge.types import DIMENSIONS

REQUEST_TEXTS = 64
"""Texts in one request: a few seconds of work, and frames far below their limit."""

BUNDLED = Path(__file__).parent.parent / "weights"


def find_embedder(settings: Settings, bundled: Path = BUNDLED) -> Path | None:
    """Find the GGUF to embed with: the configured one, else the one that came with edge, else None (keyword search
    alone).

    Raises:
        NotFoundError: the configured file does not exist.
    """
    if settings.embedder == "none":
        return None
    if not settings.embedder:
        return min(bundled.glob("minilm-*.gguf"), default=None)
    path = Path(settings.embedder).expanduser()
    if not path.is_file():
        raise NotFoundError(f"The embedder {path} does not exist.", "Correct the setting 'embedder'.")
    return path


class LlamaEmbedder:
    """Sentence vectors of a GGUF; the worker starts with the first text, or with `start`.

    Args:
        path: an embedding model with 384 dimensions.
        threads: texts embedded at a time. One for queries; all cores for building packs.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path = path
        self._worker = Worker(path, make_command(WorkerOptions(path, "embed", threads)))

    @cached_property
    def fingerprint(self) -> str:
        """Name and digest of the file.

        The whole file counts: a header says nothing about weights, and 25 MB are hashed in 15 to 40 ms, which can
        pass while the worker loads (see `start`).
        """
        name = gguf.read_name(self._path)
        with translate_os_errors(self._path):
            return f"{name}:{hash_file(self._path)[:16]}"

    @property
    def pid(self) -> int | None:
        """The worker's process id while one runs."""
        return self._worker.pid

    def start(self) -> None:
        """Begin to load the model and return at once."""
        self._worker.start()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, one row a text; a vector depends on its text alone, bit for bit.

        Raises:
            EngineError: the embedder failed.
        """
        parts = [self._embed_part(part) for part in _split(texts)]
        return np.concatenate(parts) if parts else np.empty((0, DIMENSIONS), np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without the two special ones at its ends.

        Raises:
            EngineError: the embedder failed.
        """
        return [count for part in _split(texts) for count in self._count_part(part)]

    def close(self) -> None:
        """End the worker. Closing twice is allowed."""
        self._worker.close()

    def _embed_part(self, texts: Sequence[str]) -> Vectors:
        encoded = self._ask("embed", texts, "vectors")
        try:
            flat = np.frombuffer(base64.b64decode(encoded, validate=True), "<f4")
            vectors = flat.reshape(len(texts), DIMENSIONS)
        except (TypeError, ValueError, binascii.Error) as error:
            raise self._make_error(f"its vectors do not have {DIMENSIONS} dimensions") from error
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
            raise self._make_error("its vectors have no direction")
        unit: Vectors = vectors / lengths
        return unit

    def _count_part(self, texts: Sequence[str]) -> list[int]:
        counts = self._ask("count", texts, "counts")
        if (
            not isinstance(counts, list)
            or len(counts) != len(texts)
            or not all(type(n) is int for n in counts)
        ):
            raise self._make_error("it cannot count tokens")
        return counts

    def _ask(self, op: str, texts: Sequence[str], wanted: str) -> Any:
        return (self._worker.ask(op, texts=list(texts)) or {}).get(wanted)

    def _make_error(self, reason: str) -> EngineError:
        return EngineError(
            f"{self._path.name} cannot be used for search: {reason}.", "Use the MiniLM that came with edge."
        )


def _split(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + REQUEST_TEXTS] for start in range(0, len(texts), REQUEST_TEXTS)]
