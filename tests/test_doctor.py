from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from edge import doctor
from edge.config import Settings
from edge.database import open_writable
from edge.doctor import model, search, system
from edge.engine.interface import Vectors
from edge.engine.machine import cpu
from edge.engine.machine.cpu import Processor
from edge.engine.machine.resources import Device, Machine, Memory
from edge.engine.scripted import ScriptedEmbedder
from edge.errors import ModelError
from edge.ingest.build import build
from edge.models.store import ModelStore
from edge.packs.format import TRAILER_BYTES, seal
from edge.packs.store import PackStore
from edge.sync.ratchet import Acceptance, Ratchet
from tests.engine import rank_model

TINY = Path(__file__).parent / "tiny_model" / "tiny.gguf"
LINES = (
    "Open the vent screw by one turn before the start.",
    "Tighten the housing bolts crosswise to the value on the plate.",
    "Clear the condensate drain and restart the unit.",
)

WORDS = list(dict.fromkeys(re.findall(r"\w+", " ".join([search.QUESTION, *search.REPLIES]).lower())))
"""What a reranker for `doctor` must know."""

Install = Callable[..., None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", embedder="none")


@pytest.fixture
def install(settings: Settings, tmp_path: Path) -> Install:
    """Builds and installs a pack of three lines."""

    def call(embedder: ScriptedEmbedder | None = None) -> None:
        source = tmp_path / "source"
        source.mkdir()
        (source / "pack.toml").write_text('name = "pumps"\nversion = "1.0"\ntitle = "Pumps"\n')
        (source / "pump.md").write_text("\n\n".join(LINES))
        build(source, tmp_path / "pumps.kpack", embedder)
        PackStore(settings).install(tmp_path / "pumps.kpack", allow_unsigned=True)

    return call


def found(settings: Settings, name: str, deep: bool = False) -> doctor.Check:
    (check,) = [check for check in doctor.diagnose(settings, deep) if check.name == name]
    return check


def test_a_fresh_device_lacks_a_pack_and_nothing_else(settings: Settings) -> None:
    checks = list(doctor.diagnose(settings))
    assert [check.name for check in checks] == [
        "python", "processor", "memory", "device", "home", "sqlite", "sandbox", "embedder", "pack", "reranker", "sync",
        "model",
    ]  # fmt: skip
    assert found(settings, "pack") == doctor.Check(
        "pack", "warn", "none is installed", "Install one: edge pack install FILE.kpack"
    )
    assert not settings.home.exists()


def test_sqlite_is_put_to_use() -> None:
    check = system.check_sqlite()
    assert check.status == "ok"
    assert "FTS5" in check.detail


def test_an_old_processor_is_slow() -> None:
    check = system.check_processor(Processor("ivybridge", ("SSE3", "SSSE3", "AVX", "F16C")), "x86_64")
    assert (check.status, check.detail.rpartition("; ")[2]) == ("warn", "ivybridge (AVX, F16C)")
    assert system.check_processor(Processor("x64", ()), "x86_64").status == "warn"
    assert system.check_processor(Processor("haswell", ("AVX", "AVX2")), "x86_64").status == "ok"
    assert system.check_processor(Processor("armv8.2_2", ("NEON",)), "aarch64").status == "ok"


def test_a_damaged_variant_is_told() -> None:
    problem = "failed to load libggml-cpu-zen4.so: file too short"
    check = system.check_processor(Processor("haswell", ("AVX", "AVX2"), (problem,)))
    assert (check.status, check.detail.rpartition("; ")[2]) == ("warn", problem)
    assert "edge self-test" in check.hint


def test_a_real_worker_tells_its_processor() -> None:
    told = cpu.look()
    assert told.features
    assert told.problems == ()
    assert told.features[-1] in told.summary


def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    def memory(meminfo: Path) -> doctor.Check:
        return system.check_memory(meminfo, tmp_path / "cgroup", tmp_path)

    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable: 500000 kB\n")
    assert (memory(meminfo).status, memory(meminfo).detail) == ("warn", "0.5 of 8.2 GB free")
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable: 5000000 kB\n")
    assert memory(meminfo).status == "ok"
    assert memory(tmp_path / "none").detail == "size unknown"


def test_a_home_that_cannot_be_written_still_answers() -> None:
    check = system.check_home(Path("/proc/edge"))
    assert check.status == "warn"
    assert "not writable" in check.detail


def test_a_pack_finds_its_own_sentences(settings: Settings, install: Install) -> None:
    install()
    check = found(settings, "pack")
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
    check = found(settings, "pack")
    assert check.status == "fail"
    assert check.detail.startswith("pumps: ")
    assert check.hint


def test_a_pack_with_one_flipped_byte_fails(settings: Settings, install: Install) -> None:
    install()
    (file,) = settings.packs_dir.rglob("*.kpack")
    data = bytearray(file.read_bytes())
    data[-TRAILER_BYTES - 1] ^= 1
    file.write_bytes(data)
    check = found(settings, "pack")
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
    check = found(settings, "pack")
    assert (check.status, check.detail.rpartition("; ")[2]) == ("fail", "finds 0 of 1 of its sentences")


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
    assert found(settings, "embedder").status == "fail"
    assert found(settings, "model").status == "ok"


def test_the_model_that_came_with_edge_knows_what_is_alike(tmp_path: Path) -> None:
    assert found(Settings(home=tmp_path), "embedder").status == "ok"


def test_no_reranker_is_a_choice(settings: Settings) -> None:
    check = doctor.Check("reranker", "ok", "none; passages stay in the order they were found in")
    assert found(settings, "reranker") == check
    assert found(replace(settings, reranker="none"), "reranker").detail.startswith("switched off; ")


def test_a_reranker_is_asked_something_it_must_know(settings: Settings, tmp_path: Path) -> None:
    weights = rank_model.overlap(WORDS)
    path = rank_model.write_rank_model(tmp_path / "overlap.gguf", WORDS, weights)
    check = found(replace(settings, reranker=str(path)), "reranker")
    assert check.status == "ok"
    assert check.detail.startswith("overlap; starts in ")
    weights["cls.output.weight"] *= -1
    rank_model.write_rank_model(path, WORDS, weights)
    senseless = found(replace(settings, reranker=str(path)), "reranker")
    assert (senseless.status, senseless.detail.rpartition("; ")[2]) == ("fail", "its scores mean nothing")


def test_a_reranker_that_is_too_slow_is_told(settings: Settings, tmp_path: Path) -> None:
    path = rank_model.write_rank_model(tmp_path / "overlap.gguf", WORDS, rank_model.overlap(WORDS))
    check = found(replace(settings, reranker=str(path), rerank_ms=1), "reranker")
    assert (check.status, check.detail.rpartition(": ")[2]) == ("warn", "too slow to be of use in 1 ms")


def test_a_reranker_that_is_not_there_or_dead_fails_and_the_rest_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    missing = replace(settings, reranker=str(tmp_path / "none.gguf"))
    assert found(missing, "reranker").status == "fail"
    assert found(missing, "sync").status == "ok"
    settings.models_dir.mkdir(parents=True)
    (settings.models_dir / "reranker").write_text("broken\n")
    (settings.models_dir / "broken.gguf").write_bytes(b"GGUF")
    check = found(settings, "reranker")
    assert (check.status, check.detail.partition(":")[0]) == ("fail", "broken.gguf cannot be loaded")


def test_a_model_is_looked_at_and_only_loaded_when_asked(settings: Settings) -> None:
    ModelStore(settings).add(TINY)
    assert found(settings, "model").detail.startswith("tiny, llama, ")
    assert "writing" not in {check.name for check in doctor.diagnose(settings)}
    deep = found(settings, "writing", deep=True)
    assert deep.status == "ok"
    assert deep.detail.startswith("first word after ")


def test_how_a_model_would_be_run_is_told(settings: Settings) -> None:
    here = Machine(4, Memory(8 << 30, 6 << 30), ())
    assert model.check_model(settings, here).detail == "none; answers quote the manuals"
    ModelStore(settings).add(TINY)
    check = model.check_model(settings, here)
    assert check.status == "ok"
    assert "SHA-256 recorded, would answer 16 requests at once with 19,456 tokens of cache: " in check.detail
    assert check.detail.endswith(" of 6.4 GB free")
    assert "SHA-256 right today" in model.check_model(settings, here, deep=True).detail
    card = Device("CUDA0", "card", 8 << 30, 7 << 30)
    on_gpu = model.check_model(settings, replace(here, devices=(card,))).detail
    assert "64 requests" in on_gpu
    assert "5 layers on the GPU" in on_gpu


def test_a_model_that_does_not_fit_fails(settings: Settings) -> None:
    ModelStore(settings).add(TINY)
    with pytest.raises(ModelError, match="of memory"):
        model.check_model(settings, Machine(1, Memory(1 << 30, 1 << 28)))


def test_a_damaged_model_is_found_when_asked_to_look_deeply(settings: Settings) -> None:
    added = ModelStore(settings).add(TINY)
    data = bytearray(TINY.read_bytes())
    data[-1] ^= 1
    added.path.write_bytes(data)
    assert "changed since it came" in found(settings, "model").detail
    (check,) = [check for check in doctor.diagnose(settings, deep=True) if check.name == "model"]
    assert (check.status, check.detail.partition(" is ")[2][:7]) == ("fail", "damaged")


def test_a_begun_download_is_told(settings: Settings) -> None:
    (settings.models_dir / ".pull").mkdir(parents=True)
    (settings.models_dir / ".pull" / "ab12").touch()
    check = found(settings, "left over")
    assert check.status == "ok"
    assert "edge model pull" in check.hint


def test_a_truncated_model_fails(settings: Settings) -> None:
    added = ModelStore(settings).add(TINY)
    added.path.write_bytes(TINY.read_bytes()[:-1000])
    assert found(settings, "model").status == "fail"


def test_what_interrupted_work_left_is_named(settings: Settings) -> None:
    (settings.packs_dir / ".staging-x").mkdir(parents=True)
    settings.models_dir.mkdir()
    (settings.models_dir / "big.partial").touch()
    check = found(settings, "left over")
    assert check.status == "warn"
    assert check.detail.endswith(": .staging-x, big.partial")


# Syncing


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
