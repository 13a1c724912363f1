from __future__ import annotations

from edge import doctor
from edge.config import Settings
from tests.doctor.find import find_check


def test_a_fresh_device_lacks_a_pack_and_nothing_else(settings: Settings) -> None:
    checks = list(doctor.diagnose(settings))
    assert [check.name for check in checks] == [
        "python", "processor", "memory", "device", "home", "sqlite", "sandbox", "embedder", "pack", "reranker",
        "audit", "sync",
        "model",
    ]  # fmt: skip
    assert find_check(settings, "pack") == doctor.Check(
        "pack", "warn", "none is installed", "Install one: edge pack install FILE.kpack"
    )
    assert not settings.home.exists()


def test_a_begun_download_is_told(settings: Settings) -> None:
    (settings.models_dir / ".pull").mkdir(parents=True)
    (settings.models_dir / ".pull" / "ab12").touch()
    check = find_check(settings, "left over")
    assert check.status == "ok"
    assert "edge model pull" in check.hint


def test_what_interrupted_work_left_is_named(settings: Settings) -> None:
    (settings.packs_dir / ".staging-x").mkdir(parents=True)
    settings.models_dir.mkdir()
    (settings.models_dir / ".big.gguf.new").touch()
    check = find_check(settings, "left over")
    assert check.status == "warn"
    assert check.detail.endswith(": .big.gguf.new, .staging-x")
