"""The reranker: a model with a ranking head through llama.cpp, in a worker process of its own like the embedder's."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from edge.config import Settings
from edge.engine.process.options import WorkerOptions
from edge.engine.process.process import make_command
from edge.engine.process.supervisor import Worker
from edge.errors import EngineError, ModelError, NotFoundError
from edge.models import gguf
from edge.models.integrity import Guard
from edge.models.store import ModelStore
from edge.types import never

LATE_S = 0.05
"""A worker that has not answered so long after the time limit is not waited for."""

_HINT = "Use a reranker in GGUF form, for instance jina-reranker-v1-tiny-en, or set 'reranker' to 'none'."


def find_reranker(settings: Settings) -> Path | None:
    """Find the GGUF to rerank with: the configured one, else the installed one in use, else None.

    Raises:
        NotFoundError: the configured file does not exist.
        ModelError: it is no reranker, or it is damaged.
    """
    if settings.reranker == "none":
        return None
    if not settings.reranker:
        return ModelStore(settings).find_reranker()
    path = Path(settings.reranker).expanduser()
    if not path.is_file():
        raise NotFoundError(f"The reranker {path} does not exist.", "Correct the setting 'reranker'.")
    if gguf.read_header(path).kind != "reranker":
        raise ModelError(f"{path.name} is no reranker: it has no ranking head.", _HINT)
    return path


class LlamaReranker:
    """Scores of a GGUF with a ranking head; the worker starts with the first question, or with `start`.

    Args:
        path: a reranker.
        threads: passages scored at a time.
        guard: checks the file at every load.
        load_s: seconds that the first question waits while the model is loaded, beside its own limit.
    """

    def __init__(self, path: Path, threads: int = 1, guard: Guard | None = None, load_s: float = 0.0) -> None:
        self._path, self._load_s = path, load_s
        self._worker = Worker(path, partial(make_command, WorkerOptions(path, "rank", threads)), guard=guard)
        self._answered: int | None = None  # the process that did last

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.stem

    @property
    def pid(self) -> int | None:
        """The worker's process id while one runs."""
        return self._worker.pid

    def start(self) -> None:
        """Begin to load the model and return at once."""
        self._worker.start()

    def score(self, question: str, texts: Sequence[str], limit_s: float | None = None) -> list[float]:
        """See ``Reranker``. A score depends on the question and its text alone, bit for bit."""
        if not texts:
            return []
        if self._answered is None and self._load_s:
            self._wait_until_loaded()
        deadline = None if limit_s is None else time.monotonic() + limit_s
        late = never if deadline is None else partial(_is_past, deadline + LATE_S)
        done = self._worker.ask("rank", late, question=question, texts=list(texts), deadline=deadline)
        if done is None and self.pid is not None and self.pid == self._answered:
            raise EngineError(f"{self._path.name} does not answer.", "Look at the load of this machine.")
        if done is None:  # it is being loaded
            return []
        self._answered = self.pid
        return self._check_scores(done.get("scores"), len(texts))

    def close(self) -> None:
        """End the worker. Closing twice is allowed."""
        self._worker.close()

    def _wait_until_loaded(self) -> None:
        late = partial(_is_past, time.monotonic() + self._load_s)
        self._worker.ask("rank", late, question="", texts=[], deadline=None)

    def _check_scores(self, scores: Any, count: int) -> list[float]:
        """Check the scores, and return those of the first texts, as far as they were done."""
        if not isinstance(scores, list) or len(scores) != count:
            raise self._make_error("it gives no scores")
        done = list(takewhile(lambda score: score is not None, scores))
        if not all(isinstance(score, float) and math.isfinite(score) for score in done):
            raise self._make_error("its scores are no numbers")
        return done

    def _make_error(self, reason: str) -> EngineError:
        return EngineError(f"{self._path.name} cannot be used for reranking: {reason}.", _HINT)


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment
