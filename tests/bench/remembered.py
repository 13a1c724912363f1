"""An embedder that remembers: vectors of texts it has met stay in the cache folder.

The collections hold 6,000 documents, whose sentences take ten minutes to embed. A change of the code that builds packs
rarely changes the texts, so measuring again takes seconds.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.engine.interface import Embedder, Vectors


class RememberingEmbedder:
    """The same vectors as those of the embedder inside, asked for once."""

    def __init__(self, inside: Embedder, file: Path) -> None:
        self._inside = inside
        self._lock = threading.Lock()
        self._memory = sqlite3.connect(file, check_same_thread=False)
        self._memory.execute("PRAGMA synchronous = OFF")
        self._memory.execute(
            "CREATE TABLE IF NOT EXISTS vector(text BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID"
        )
        self.fingerprint = inside.fingerprint

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            return self._embed(texts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        keys = [hashlib.sha256(f"{self.fingerprint}\n{text}".encode()).digest()[:16] for text in texts]
        known = {key: data for key in keys if (data := self._recall(key)) is not None}
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if fresh:
            vectors = self._inside.embed(list(fresh.values()))
            known |= {key: vector.tobytes() for key, vector in zip(fresh, vectors, strict=True)}
            with self._memory:
                self._memory.executemany(
                    "INSERT OR IGNORE INTO vector VALUES (?, ?)", [(key, known[key]) for key in fresh]
                )
        return np.frombuffer(b"".join(known[key] for key in keys), np.float32).reshape(len(texts), -1)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._inside.count_tokens(texts)

    def close(self) -> None:
        self._memory.close()
        self._inside.close()

    def _recall(self, key: bytes) -> bytes | None:
        row = self._memory.execute("SELECT data FROM vector WHERE text = ?", (key,)).fetchone()
        return row[0] if row else None
