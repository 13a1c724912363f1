"""Beginnings of prompts that the parent keeps on disk, seen from the worker: it lists, loads and offers them.

A state passes through memory shared with the parent. Called from the scheduler's thread only; the parent stores a state
in its own time while the scheduler goes on.
"""

from __future__ import annotations

import base64
import ctypes
import mmap
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engine.process.frames import Frame
from edge.engine.worker.binding import L
from edge.engine.worker.context import SharedContext

WORTH = 64
"""A sequence is stored when it has so many tokens more than what is stored of it."""

SAVE_LIMIT_S = 0.2
"""Seconds that a further offer waits for the one before."""

LOAD_LIMIT_S = 10.0

Tokens = NDArray[np.int32]


class Prefixes:
    """The stored sequences of this model.

    Args:
        context: whose sequences they become.
        exchange: descriptor of the shared memory.
        ask: asks the parent, and waits for its answer.
        worth: see ``WORTH``.
    """

    def __init__(
        self, context: SharedContext, exchange: int, ask: Callable[[Frame], Frame], worth: int = WORTH
    ) -> None:
        self._context, self._ask, self._worth = context, ask, worth
        self._shared = mmap.mmap(exchange, 0)
        self._buffer = (ctypes.c_uint8 * len(self._shared)).from_buffer(self._shared)
        self._lock = threading.Lock()  # over the entries
        self._entries: dict[str, Tokens] = {}
        self._saving: threading.Thread | None = None

    def add_stored(self, entries: Sequence[dict[str, str]]) -> None:
        """Add entries that the parent has: ``{"name", "tokens"}``."""
        for entry in entries:
            self._add(entry["name"], np.frombuffer(base64.b64decode(entry["tokens"]), np.int32))

    def count_stored(self, tokens: Sequence[int]) -> int:
        """Count how many of the first of these tokens are stored."""
        return self._find_best(np.asarray(tokens, np.int32))[1]

    def load(self, tokens: Sequence[int], sequence: int) -> int:
        """Bring them into an empty sequence; how many it holds then. 0 where that failed: then it is empty."""
        name, common = self._find_best(np.asarray(tokens, np.int32))
        if not name or not self._wait_for_memory(LOAD_LIMIT_S):
            return 0
        stored = self._entries[name]
        size = self._ask({"load": {"name": name}}).get("bytes", 0)
        if not self._restore(sequence, size, len(stored)) or not self._cut(sequence, common, len(stored)):
            self._context.forget(sequence)
            with self._lock:
                self._entries.pop(name, None)
            common = 0
        self._free()
        return common

    def offer(self, tokens: Sequence[int], sequence: int) -> None:
        """Store this sequence, which holds these tokens, if that is worth it."""
        if len(tokens) - self.count_stored(tokens) < self._worth or not self._wait_for_memory(SAVE_LIMIT_S):
            return
        size = int(L.llama_state_seq_get_size(self._context.handle, sequence))
        if not 0 < size <= len(self._buffer):
            return
        if L.llama_state_seq_get_data(self._context.handle, self._buffer, size, sequence) != size:
            return
        work = (np.asarray(tokens, np.int32), size)
        self._saving = threading.Thread(target=self._save, args=work, name="saving", daemon=True)
        self._saving.start()

    def _save(self, tokens: Tokens, size: int) -> None:
        text = base64.b64encode(tokens.tobytes()).decode("ascii")
        name: Any = self._ask({"save": {"tokens": text, "bytes": size}}).get("name")
        if name:
            self._add(name, tokens)

    def _wait_for_memory(self, limit_s: float) -> bool:
        """Wait for the shared memory; return whether it is free."""
        if self._saving:
            self._saving.join(limit_s)
        return not self._saving or not self._saving.is_alive()

    def _add(self, name: str, tokens: Tokens) -> None:
        with self._lock:
            for other, found in list(self._entries.items()):
                if _count_common(found, tokens) == len(found):  # the parent has dropped it, too
                    del self._entries[other]
            self._entries[name] = tokens

    def _find_best(self, tokens: Tokens) -> tuple[str, int]:
        """Find the entry that has most of the first of these tokens, the shortest of several, and how many."""
        with self._lock:
            found = [(_count_common(e, tokens), -len(e), name) for name, e in self._entries.items()]
        if not self._context.forgets:
            found = [(common, length, name) for common, length, name in found if common == -length]
        common, _, name = max(found, default=(0, 0, ""))
        return (name, common) if common else ("", 0)

    def _restore(self, sequence: int, size: int, tokens: int) -> bool:
        if not 0 < size <= len(self._buffer):
            return False
        handle = self._context.handle
        if L.llama_state_seq_set_data(handle, self._buffer, size, sequence) != size:
            return False
        return bool(L.llama_memory_seq_pos_max(L.llama_get_memory(handle), sequence) == tokens - 1)

    def _cut(self, sequence: int, length: int, stored: int) -> bool:
        return length == stored or self._context.forget(sequence, length)

    def _free(self) -> None:
        with suppress(OSError, ValueError):
            self._shared.madvise(mmap.MADV_REMOVE)


def _count_common(a: Tokens, b: Tokens) -> int:
    """Count the tokens that two sequences begin with in common."""
    length = min(len(a), len(b))
    different = np.flatnonzero(a[:length] != b[:length])
    return int(different[0]) if len(different) else length
