"""Opens the context of a language model, apart from what uses it: it is made while that is still being imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.engine.process.options import WorkerOptions
from edge.engine.worker.binding import GGML_TYPES, L, LoadError, Model, make_context

BATCH = 512
"""Rows of one run of the model, at most."""

MAX_SEQUENCES = 256
"""llama.cpp knows no more."""

IDLE_SEQUENCES = 32
"""Beginnings of prompts that stay resident besides those that run."""

GUESS_ROWS = 32
"""Rows of guesses in one run, over all requests."""


@dataclass(frozen=True, slots=True)
class OpenedContext:
    """A llama.cpp context.

    Args:
        handle: what llama.cpp knows it by.
        tokens: of one request, prompt and answer together.
        parallel: requests that run at the same time.
        sequences: how many there may be, running and idle.
        batch: rows of one run, at most.
        outputs: rows of one run that give logits, at most.
    """

    handle: Any
    tokens: int
    parallel: int
    sequences: int
    batch: int
    outputs: int


def open_context(model: Model, options: WorkerOptions) -> OpenedContext:
    """Open a context with one unified KV cache, as large as the options want it and the model was trained for.

    Raises:
        LoadError: not a language model, or not enough memory.
    """
    wanted = options.input_tokens + options.output_tokens
    tokens = min(wanted, model.trained_context) or wanted
    parallel = min(options.parallel, MAX_SEQUENCES - IDLE_SEQUENCES)
    sequences, outputs = parallel + IDLE_SEQUENCES, parallel + GUESS_ROWS
    cells, kv_type = max(options.cells, tokens), GGML_TYPES[options.kv_type]
    handle = make_context(
        model,
        n_ctx=cells, n_batch=BATCH, n_ubatch=BATCH, n_seq_max=sequences, n_outputs_max=outputs,
        n_threads=options.threads, n_threads_batch=options.threads, kv_unified=True, no_perf=True,
        type_k=kv_type, type_v=kv_type, flash_attn_type=L.LLAMA_FLASH_ATTN_TYPE_AUTO,
    )  # fmt: skip
    if not L.llama_get_memory(handle):
        raise LoadError("it is an embedder and writes no text")
    return OpenedContext(handle, tokens, parallel, sequences, BATCH, outputs)
