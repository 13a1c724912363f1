from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from edge import doctor
from edge.config import Settings
from edge.database import open_writable
from edge.doctor import search
from edge.engine.interface import Vectors
from edge.engine.scripted import ScriptedEmbedder
from edge.packs.format import TRAILER_BYTES, seal
from edge.packs.store import PackStore
from edge.sync.ratchet import Acceptance, Ratchet
from tests.doctor.find import find_check
from tests.engine import rank_model

WORDS = list(dict.fromkeys(re.findall(r"\w+", " ".join([search.QUESTION, *search.REPLIES]).lower())))
"""What a reranker for `doctor` must know."""

Install = Callable[..., None]


def test_a_pack_finds_its_own_sentences(settings: Settings, install: Install) -> None:
    install()
    check = find_check(settings, "pack")
    assert check.status == "warn"
    assert check.detail == "pumps 1.0, UNSIGNED, 1 document, installed today; finds 1 of 1 of its sentences"


def test_vectors_of_another_embedder_are_told(settings: Settings, install: Install) -> None:
    class Other(ScriptedEmbedder):
        fingerprint = "other:1"

    install(Other())
    (check,) = search.check_packs(PackStore(settings), ScriptedEmbedder())
    assert check.status == "warn"
    assert "of another embedder" in check.detail


def test_a_pack_that_cannot_be_opened_fails(settings: Settings, install: Install) -> None:
    install()
    (file,) = settings.packs_dir.rglob("*.kpack")
    file.write_bytes(b"nothing")
    check = find_check(settings, "pack")
    assert check.status == "fail"
    assert check.detail.startswith("pumps: ")
    assert check.hint


def test_a_pack_with_one_flipped_byte_fails(settings: Settings, install: Install) -> None:
    install()
    (file,) = settings.packs_dir.rglob("*.kpack")
    data = bytearray(file.read_bytes())
    data[-TRAILER_BYTES - 1] ^= 1
    file.write_bytes(data)
    check = find_check(settings, "pack")
    assert check.status == "fail"
    assert "do not match its digest" in check.detail


def test_a_pack_that_lost_its_index_fails(settings: Settings, install: Install) -> None:
    install()
    (file,) = settings.packs_dir.rglob("*.kpack")
    file.write_bytes(file.read_bytes()[:-TRAILER_BYTES])
    connection = open_writable(file)
    connection.execute("INSERT INTO keyword(keyword) VALUES ('delete-all')")
    connection.close()
    seal(file)
    check = find_check(settings, "pack")
    assert check.status == "fail"
    assert "1 chunks, 0 in its keyword index" in check.detail


class Embedder(ScriptedEmbedder):
    """Gives the vectors it was told to."""

    def __init__(self, vectors: Sequence[Sequence[float]]) -> None:
        self.vectors = vectors

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array(self.vectors[: len(texts)], np.float32)


def test_an_embedder_is_asked_something_it_must_know() -> None:
    assert search.check_embedder(Embedder([(1, 0), (0.9, 0.1), (0, 1)])).status == "ok"
    senseless = search.check_embedder(Embedder([(1, 0), (1, 0), (1, 0)]))
    assert (senseless.status, senseless.detail.rpartition("; ")[2]) == ("fail", "its vectors mean nothing")


def test_no_embedder_is_a_choice_or_a_lack() -> None:
    assert search.check_embedder(None, wanted=False).status == "ok"
    assert search.check_embedder(None, wanted=True).status == "warn"


def test_an_embedder_that_is_not_there_fails_and_the_rest_goes_on(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, embedder=str(tmp_path / "none.gguf"))
    assert find_check(settings, "embedder").status == "fail"
    assert find_check(settings, "model").status == "ok"


def test_the_model_that_came_with_edge_knows_what_is_alike(tmp_path: Path) -> None:
    assert find_check(Settings(home=tmp_path), "embedder").status == "ok"


def test_no_reranker_is_a_choice(settings: Settings) -> None:
    check = doctor.Check("reranker", "ok", "none; passages stay in the order they were found in")
    assert find_check(settings, "reranker") == check
    assert find_check(replace(settings, reranker="none"), "reranker").detail.startswith("switched off; ")


def test_a_reranker_is_asked_something_it_must_know(settings: Settings, tmp_path: Path) -> None:
    weights = rank_model.reward_overlap(WORDS)
    path = rank_model.write_rank_model(tmp_path / "overlap.gguf", WORDS, weights)
    check = find_check(replace(settings, reranker=str(path)), "reranker")
    assert check.status == "ok"
    assert check.detail.startswith("overlap; starts in ")
    weights["cls.output.weight"] *= -1
    rank_model.write_rank_model(path, WORDS, weights)
    senseless = find_check(replace(settings, reranker=str(path)), "reranker")
    assert (senseless.status, senseless.detail.rpartition("; ")[2]) == ("fail", "its scores mean nothing")


def test_a_reranker_that_is_too_slow_is_told(settings: Settings, tmp_path: Path) -> None:
    path = rank_model.write_rank_model(tmp_path / "overlap.gguf", WORDS, rank_model.reward_overlap(WORDS))
    check = find_check(replace(settings, reranker=str(path), rerank_ms=1), "reranker")
    assert (check.status, check.detail.rpartition(": ")[2]) == ("warn", "too slow to be of use in 1 ms")


def test_a_reranker_that_is_not_there_or_dead_fails_and_the_rest_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    missing = replace(settings, reranker=str(tmp_path / "none.gguf"))
    assert find_check(missing, "reranker").status == "fail"
    assert find_check(missing, "sync").status == "ok"
    settings.models_dir.mkdir(parents=True)
    (settings.models_dir / "reranker").write_text("broken\n")
    (settings.models_dir / "broken.gguf").write_bytes(b"GGUF")
    check = find_check(settings, "reranker")
    assert (check.status, check.detail.partition(":")[0]) == ("fail", "broken.gguf cannot be loaded")


def accepted(settings: Settings, time: datetime, stale_days: int | None = None) -> None:
    with closing(Ratchet(settings.sync_dir / "trust.sqlite")) as ratchet:
        ratchet.accept("anchor", {}, Acceptance(time, "a stick", 4, stale_days))


def test_a_device_that_has_never_synced_is_in_order(settings: Settings) -> None:
    check = search.check_sync(settings)
    assert (check.status, check.name) == ("ok", "sync")
    assert not settings.sync_dir.exists()


def test_the_age_of_the_publishers_list_is_told(settings: Settings) -> None:
    time = datetime(2027, 1, 1, tzinfo=UTC)
    accepted(settings, time)
    assert (
        search.check_sync(settings, lambda: time + timedelta(days=1)).detail
        == "list 4 from a stick, 1 day old"
    )
    assert search.check_sync(settings, lambda: time + timedelta(days=90)).status == "ok"
    assert search.check_sync(settings, lambda: time + timedelta(days=91)).status == "warn"


def test_a_list_that_was_old_when_it_came_is_as_old_as_it_was(settings: Settings) -> None:
    time = datetime(2027, 1, 1, tzinfo=UTC)
    accepted(settings, time, stale_days=100)
    assert search.check_sync(settings, lambda: time).detail == "list 4 from a stick, 100 days old"
    assert search.check_sync(settings, lambda: time).status == "warn"
