"""The embedder over the real MiniLM."""

from __future__ import annotations

import hashlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge.config import Settings
from edge.engine.embedder import LlamaEmbedder, find_embedder
from edge.errors import EngineError, NotFoundError

TEXTS = [f"Tighten bolt {n} of the {part} to {n + 3} Nm." for n in range(20) for part in ("pump", "gearbox")]


def test_vectors_have_unit_length(embedder: LlamaEmbedder) -> None:
    vectors = embedder.embed(["Replace the fuse.", "", "🔧", "x" * 100_000, "\ud800"])
    assert vectors.shape == (5, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(embedder: LlamaEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)
    assert embedder.count_tokens([]) == []


def test_a_vector_depends_on_its_text_alone(embedder: LlamaEmbedder) -> None:
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


def test_threads_change_no_bit(embedder: LlamaEmbedder, embedder_path: Path) -> None:
    two = LlamaEmbedder(embedder_path, threads=2)
    assert np.array_equal(two.embed(TEXTS), embedder.embed(TEXTS))
    two.close()


def test_many_ask_at_once_and_each_gets_its_own(embedder: LlamaEmbedder, embedder_path: Path) -> None:
    alone = [embedder.embed([text]) for text in TEXTS]
    two = LlamaEmbedder(embedder_path, threads=2)
    with ThreadPoolExecutor(8) as threads:
        for ask in (embedder.embed, two.embed):
            assert np.array_equal(list(threads.map(ask, ([text] for text in TEXTS))), alone)
    two.close()


def test_a_question_does_not_wait_for_many_long_texts(embedder_path: Path) -> None:
    embedder = LlamaEmbedder(embedder_path, threads=2)
    embedder.embed(["ready"])
    with ThreadPoolExecutor(1) as threads:
        building = threads.submit(embedder.embed, ["oil " * 250] * 48)
        for text in TEXTS[:3]:
            embedder.embed([text])
        assert not building.done()
    embedder.close()


def test_more_texts_than_one_request_takes_keep_their_order(embedder: LlamaEmbedder) -> None:
    vectors = embedder.embed([*TEXTS, *TEXTS[::-1]])
    assert np.array_equal(vectors, vectors[::-1])


def test_similar_sentences_are_closer(embedder: LlamaEmbedder) -> None:
    fuse, same, other = embedder.embed(
        ["Replace the blown fuse.", "Change the burnt-out fuse.", "Grease the bearing."]
    )
    assert fuse @ same > 0.8 > 0.5 > fuse @ other


def test_long_texts_are_cut_at_256_tokens(embedder: LlamaEmbedder) -> None:
    words = "oil " * 254
    assert np.array_equal(embedder.embed([words]), embedder.embed([words + "gearbox torque"]))
    assert not np.array_equal(embedder.embed(["oil " * 253 + "gearbox"]), embedder.embed([words]))


def test_tokens_are_counted_without_the_special_ones(embedder: LlamaEmbedder) -> None:
    assert embedder.count_tokens(["hello world", "", "oil " * 1000]) == [2, 0, 1000]


def test_the_fingerprint_names_the_file_byte_for_byte(embedder: LlamaEmbedder, embedder_path: Path) -> None:
    digest = hashlib.sha256(embedder_path.read_bytes()).hexdigest()
    assert embedder.fingerprint == f"all-MiniLM-L6-v2:{digest[:16]}"


def test_a_dead_worker_is_an_error_once(embedder_path: Path) -> None:
    embedder = LlamaEmbedder(embedder_path)
    embedder.start()
    before = embedder.embed(["oil"])
    assert embedder.pid is not None
    os.kill(embedder.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="SIGKILL"):
        embedder.embed(["oil"])
    assert np.array_equal(embedder.embed(["oil"]), before)
    embedder.close()


def test_a_language_model_does_not_embed(model: Path) -> None:
    embedder = LlamaEmbedder(model)
    with pytest.raises(EngineError, match=r"chain\.gguf"):
        embedder.embed(["oil"])
    embedder.close()


def test_the_embedder_that_came_with_edge_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "minilm-q8_0.gguf").touch()
    assert find_embedder(Settings(home=tmp_path), bundled=tmp_path) == tmp_path / "minilm-q8_0.gguf"
    assert find_embedder(Settings(home=tmp_path), bundled=tmp_path / "nothing") is None


def test_an_embedder_can_be_chosen_or_switched_off(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.touch()
    assert find_embedder(Settings(home=tmp_path, embedder=str(own))) == own
    assert find_embedder(Settings(home=tmp_path, embedder="none")) is None
    with pytest.raises(NotFoundError):
        find_embedder(Settings(home=tmp_path, embedder=str(tmp_path / "missing.gguf")))
