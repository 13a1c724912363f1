"""A llama.cpp context that many sequences share: rows go in as one batch, logits come out."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ctypeslib  # now: numpy imports it when it is first used, and then no file may be opened
from numpy.typing import NDArray

from edge.engine.worker.binding import L, Model
from edge.engine.worker.opening import OpenedContext

Logits = NDArray[np.float32]

DECODED, NO_ROOM, ABORTED = 0, 1, 2
"""Results of `SharedContext.decode`."""


IDLE_SHARE = 0.03
"""Of the time of a run that idle sequences may cost."""

LEAST_IDLE_CELLS = 512
LOOK_S = 2e-9
CPU_BYTES_PER_S = 20e9
"""Measured on one core; faster machines do both faster."""


class Batch:
    """Rows for one run of the model, written by slices into arrays that are made once."""

    def __init__(self, size: int) -> None:
        self.rows, self.size = 0, size
        self._tokens = (L.llama_token * size)()
        self._positions = (L.llama_pos * size)()
        self._sequences = (L.llama_seq_id * size)()
        self._outputs: Any = (ctypes.c_char * size)()
        counts = (ctypes.c_int32 * size)(*[1] * size)
        pointer, width = ctypes.POINTER(L.llama_seq_id), ctypes.sizeof(L.llama_seq_id)
        start = ctypes.addressof(self._sequences)
        cells = (L.llama_seq_id * 1).from_address
        lists = (pointer * size)(*(ctypes.cast(cells(start + n * width), pointer) for n in range(size)))
        self.value = L.llama_batch(
            n_tokens=0,
            token=self._tokens,
            pos=self._positions,
            n_seq_id=counts,
            seq_id=lists,
            logits=ctypes.cast(self._outputs, ctypes.POINTER(ctypes.c_int8)),
        )

    def clear(self) -> None:
        """Begin anew."""
        self.rows = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], outputs: int) -> int:
        """Add a part of a sequence whose last ``outputs`` tokens shall give logits; the row of its first token."""
        start, count = self.rows, len(tokens)
        end = self.rows = start + count
        self._tokens[start:end] = tokens
        self._positions[start:end] = range(position, position + count)
        self._sequences[start:end] = [sequence] * count
        self._outputs[start:end] = b"\0" * (count - outputs) + b"\1" * outputs
        return start


class SharedContext:
    """One context with one unified KV cache.

    Args:
        model: a language model.
        opened: made for it.
    """

    def __init__(self, model: Model, opened: OpenedContext) -> None:
        self.handle = opened.handle
        self._memory = L.llama_get_memory(self.handle)
        self.cells = int(L.llama_n_ctx(self.handle))
        self.outputs = opened.outputs
        self.idle_cells = _count_idle_cells(model)
        """Cells of idle sequences that do not slow a run down by more than a few per cent."""
        self.vocabulary = int(L.llama_vocab_n_tokens(model.vocab))
        self.batch = Batch(opened.batch)
        self._view, self._viewed = np.empty((0, 0), np.float32), (0, 0)
        self._abort = ctypes.create_string_buffer(2)
        # llama.cpp asks between any two operations whether to go on. C's strlen answers out of this buffer: 0 for no
        # text, 1 for one character. A Python function would take the interpreter's lock hundreds of times a token.
        strlen = ctypes.cast(ctypes.CDLL(None).strlen, L.ggml_abort_callback)
        L.llama_set_abort_callback(self.handle, strlen, ctypes.addressof(self._abort))
        self.forgets = self._can_forget()
        """True when the end of a sequence can be removed; recurrent memories cannot."""

    def abort(self) -> None:
        """End the run that is going on, or the next one. Any thread."""
        self._abort[0] = b"!"

    def clear_abort(self) -> None:
        """Take `abort` back."""
        self._abort[0] = b"\0"

    def decode(self) -> int:
        """Run the model on the batch. After ABORTED, part of it may have been computed.

        Raises:
            RuntimeError: llama.cpp failed.
        """
        self.batch.value.n_tokens = self.batch.rows
        status = int(L.llama_decode(self.handle, self.batch.value))
        if status < 0:
            raise RuntimeError(f"llama.cpp could not decode {self.batch.rows} tokens (status {status})")
        return status

    def get_logits(self, outputs: int) -> Logits:
        """Return the logits of the last run, one row an output, in the order of the batch. Valid until the next run."""
        address = ctypes.addressof(L.llama_get_logits(self.handle).contents)
        if (address, outputs) != self._viewed:  # making a view takes as long as all else in a step
            numbers = (ctypes.c_float * (outputs * self.vocabulary)).from_address(address)
            self._view = ctypeslib.as_array(numbers).reshape(outputs, self.vocabulary)
            self._viewed = address, outputs
        return self._view

    def share(self, source: int, target: int, length: int) -> None:
        """Tag the first cells of a sequence as another's, too."""
        L.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def forget(self, sequence: int, length: int = 0) -> bool:
        """Remove the tokens of a sequence from ``length`` on. False: this memory cannot, and nothing has changed."""
        return bool(L.llama_memory_seq_rm(self._memory, sequence, length if length else -1, -1))

    def _can_forget(self) -> bool:
        model = L.llama_get_model(self.handle)
        return not (L.llama_model_is_recurrent(model) or L.llama_model_is_hybrid(model))


def _count_idle_cells(model: Model) -> int:
    """Count the idle cells that cost little: every head of every layer looks at every cell, whoever has it, and 4,000
    cost 20 % with a model of 127 MB.
    """
    looks = max(1, L.llama_model_n_layer(model.handle) * L.llama_model_n_head(model.handle))
    run_s = int(L.llama_model_size(model.handle)) / CPU_BYTES_PER_S
    return max(LEAST_IDLE_CELLS, int(IDLE_SHARE * run_s / (looks * LOOK_S)))
