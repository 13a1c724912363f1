from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge.config import Settings
from edge.packs.manifest import Manifest
from edge.packs.record import Page, Record
from edge.packs.store import PackStore
from edge.packs.vectors import Int8Vectors, partition, quantise
from edge.packs.writer import IndexedDocument, IndexedVectors, make_sentence_texts, write_pack
from edge.types import Box

MakePack = Callable[..., Path]

TEXTS: Mapping[str, Sequence[str]] = {
    "pumps/centrifugal.md": (
        "Never start the pump dry.",
        "Prime the pump before starting.",
        "Code E-207 means cavitation.",
    ),
    "valves.md": ("Torque the flange bolts to 45 Nm.", "Open the bypass valve slowly."),
}


@pytest.fixture
def make_pack(tmp_path: Path) -> MakePack:
    """Writes a small pack: ``make_pack(name, version, texts, vectors=…)`` returns its path."""

    def make(
        name: str = "pumps",
        version: str = "1.0",
        texts: Mapping[str, Sequence[str]] = TEXTS,
        vectors: bool = True,
        folder: Path = tmp_path,
    ) -> Path:
        path = folder / f"{name}-{version}.kpack"
        path.unlink(missing_ok=True)
        manifest = Manifest(name, version, f"The {name} manual", applies_to=("PX-*",))
        documents = [_make_document(document, lines) for document, lines in sorted(texts.items())]
        write_pack(path, manifest, documents, _make_vectors(texts) if vectors else None)
        return path

    return make


@pytest.fixture
def store(tmp_path: Path) -> PackStore:
    return PackStore(Settings(home=tmp_path / "home"))


def _make_document(name: str, lines: Sequence[str]) -> IndexedDocument:
    data = "\n\n".join(lines).encode()
    records = [
        Record("text", "Care", line, 1 + i, 1 + i, section=0, boxes=(Box(1 + i, 0.1, 0.2, 0.9, 0.25),))
        for i, line in enumerate(lines)
    ]
    return IndexedDocument(
        name=name,
        title=f"About {name}",
        media_type="text/markdown",
        sha256=hashlib.sha256(data).hexdigest(),
        applies_to=("PX-200",) if name == "valves.md" else (),
        pages=tuple(
            Page(1 + i, label="iv" if i == 0 else None, width=595, height=842) for i in range(len(lines))
        ),
        records=lambda: records,
        sentences=lambda: draw_vectors(sum(len(make_sentence_texts(record)) for record in records)),
        original=lambda: io.BytesIO(data),
    )


def _make_vectors(texts: Mapping[str, Sequence[str]]) -> IndexedVectors:
    vectors = draw_vectors(sum(map(len, texts.values())))
    return IndexedVectors("test:1", vectors, partition(vectors), lambda words: draw_vectors(len(words)))


def draw_vectors(n: int) -> Int8Vectors:
    vectors = np.random.default_rng(1).standard_normal((n, 384)).astype(np.float32)
    return quantise(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
