"""Packs and models beside the program are used in place: after what was installed, before what is inside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edge.bundle.admit import admit
from edge.bundle.compose import add_part
from edge.config import Settings
from edge.doctor import diagnose
from edge.embedded.bundled import BESIDE, list_bundled
from edge.embedded.findings import open_findings
from edge.embedded.part import EXECUTABLE
from edge.engine.llama import LlamaEngine
from edge.errors import ModelError, NotFoundError, UsageError
from edge.models.integrity import Guard, read_record, record_path
from edge.models.store import ModelStore
from edge.packs.library import Library
from edge.packs.store import PackStore
from tests.bundle.test_compose import flip
from tests.conftest import BuildPack
from tests.programs import make_small_program

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    monkeypatch.setenv(BESIDE, str(folder))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", max_input_tokens=256, max_output_tokens=64, threads=1)


@pytest.fixture
def program(stick: Path, build_pack: BuildPack, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program on the stick with the pumps inside."""
    bundle = make_small_program(stick)
    monkeypatch.setenv(EXECUTABLE, str(bundle.path))
    return add_part(bundle, admit(build_pack()), bundle.path).path


def details(settings: Settings, name: str) -> list[tuple[str, str]]:
    """Return what the doctor says."""
    return [(check.status, check.detail) for check in diagnose(settings) if check.name == name]


def test_installed_goes_before_beside_before_inside(
    settings: Settings, stick: Path, program: Path, build_pack: BuildPack
) -> None:
    def in_use() -> list[tuple[str, str]]:
        return [(pack.version, pack.place) for pack in PackStore(settings).list()]

    assert in_use() == [("1.0", "inside")]
    shutil.copy(build_pack(version="1.5"), stick / "copy (1).kpack")
    assert in_use() == [("1.5", "beside")]
    assert [pack.path for pack in PackStore(settings).list_shadowed()] == [program / "pumps.kpack"]
    PackStore(settings).install(build_pack(version="2.0"), allow_unsigned=True)
    assert in_use() == [("2.0", "installed")]
    assert [pack.place for pack in PackStore(settings).list_shadowed()] == ["beside", "inside"]
    said = details(settings, "pack")
    assert ("ok", "pumps.kpack inside edge is not used: another pack named pumps goes first") in said
    PackStore(settings).remove("pumps")
    assert in_use() == [("1.5", "beside")]


def test_a_pack_beside_is_unsigned_and_removed_as_the_file_it_is(
    settings: Settings, stick: Path, build_pack: BuildPack
) -> None:
    path = Path(shutil.copy(build_pack(), stick))
    (pack,) = PackStore(settings).list()
    assert (pack.signed, pack.path, pack.previous) == (False, path, None)
    with pytest.raises(NotFoundError, match="lies beside the program") as caught:
        PackStore(settings).remove("pumps")
    assert str(path) in caught.value.hint


def test_a_half_copied_pack_is_named_and_the_rest_goes_on(
    settings: Settings, stick: Path, program: Path, build_pack: BuildPack
) -> None:
    (stick / "pumps.kpack").write_bytes(build_pack(version="3.0").read_bytes()[:-1000])
    store = PackStore(settings)
    assert [(pack.version, pack.place) for pack in store.list()] == [("1.0", "inside")]
    assert len(Library(store).open_packs()) == 1
    (problem,) = store.find_problems()
    assert problem.error.message == (
        "pumps.kpack beside the program is damaged, or was not copied as a whole."
    )
    assert str(stick / "pumps.kpack") in problem.hint
    assert ("warn", f"pumps: {problem.error.message}") in details(settings, "pack")


def test_a_pack_whose_text_was_changed_is_not_used(
    settings: Settings, stick: Path, build_pack: BuildPack
) -> None:
    path = Path(shutil.copy(build_pack(), stick))
    flip(path, path.read_bytes().index(b"25 Nm"))
    assert PackStore(settings).list() == ()
    assert [status for status, _ in details(settings, "pack")] == ["fail"]


def test_other_files_are_left_alone(stick: Path) -> None:
    (stick / "._pumps.kpack").write_bytes(b"of another system")
    (stick / "folder.gguf").mkdir()
    (stick / "notes.txt").write_text("notes")
    shutil.copy(TINY, stick / "TINY.GGUF")
    assert list_bundled("pack") == ()
    assert [found.path.name for found in list_bundled("model")] == ["TINY.GGUF"]


def test_what_an_interrupted_change_of_the_program_left_is_told(settings: Settings, program: Path) -> None:
    program.with_name(".edge.new").write_bytes(b"half")
    ((status, detail),) = details(settings, "left over")
    assert status == "warn"
    assert detail.endswith(".edge.new")


def test_a_stick_that_is_gone_holds_nothing(stick: Path) -> None:
    stick.rmdir()
    assert list_bundled("pack") == ()


def test_a_model_beside_answers_and_nothing_is_written_there(settings: Settings, stick: Path) -> None:
    path = Path(shutil.copy(TINY, stick))
    stick.chmod(0o555)
    store = ModelStore(settings)
    assert store.find_active() == path
    assert [(model.name, model.place, model.active) for model in store.list()] == [("tiny", "beside", True)]
    engine = LlamaEngine.from_settings(settings, path)
    assert engine.read_facts()["name"]
    engine.close()
    assert [entry.name for entry in stick.iterdir()] == ["tiny.gguf"]
    assert not settings.models_dir.exists()
    with pytest.raises(UsageError, match="lies beside the program"):
        store.remove("tiny")


def test_a_model_that_was_installed_goes_before_one_of_its_name_beside(
    settings: Settings, stick: Path
) -> None:
    ModelStore(settings).add(TINY)
    shutil.copy(TINY, stick)
    store = ModelStore(settings)
    assert store.find_active() == settings.models_dir / "tiny.gguf"
    assert [model.place for model in store.list()] == ["installed"]
    assert [model.path for model in store.list_shadowed()] == [stick / "tiny.gguf"]
    assert ("ok", "tiny.gguf beside the program is not used: another model named tiny goes first") in details(
        settings, "model"
    )


def test_a_half_copied_model_is_named_and_the_next_one_answers(settings: Settings, stick: Path) -> None:
    (stick / "a.gguf").write_bytes(TINY.read_bytes()[:1_000_000])
    assert ModelStore(settings).find_active() == stick / "a.gguf"  # it says why it cannot answer
    shutil.copy(TINY, stick)
    store = ModelStore(settings)
    assert store.find_active() == stick / "tiny.gguf"
    assert [(model.name, model.purpose) for model in store.list()] == [("a", "damaged"), ("tiny", "")]
    (status, detail), *_ = details(settings, "model")
    assert status == "warn"
    assert detail.startswith("a.gguf beside the program cannot be used: a.gguf is cut short")


def test_a_record_that_lies_beside_a_model_is_believed(settings: Settings, stick: Path) -> None:
    path = Path(shutil.copy(TINY, stick))
    installed = ModelStore(Settings(home=settings.home / "other")).add(TINY)
    shutil.copy(record_path(installed.path), record_path(path))
    flip(path, 1_500_000)
    guard = Guard((path,), findings=open_findings(settings.home))
    with pytest.raises(ModelError, match=r"tiny\.gguf beside the program is damaged"):
        guard.check_before_loading(lambda: None)
    guard.close()


def test_a_model_without_a_record_is_trusted_as_found_and_watched(settings: Settings, stick: Path) -> None:
    path, known = Path(shutil.copy(TINY, stick)), open_findings(settings.home)
    assert read_record(path, known) is None
    guard = Guard((path,), findings=known)
    guard.check_before_loading(lambda: None)
    assert guard.wait(10)
    record = read_record(path, known)
    assert record is not None
    assert not record_path(path).exists()
    before = path.stat()
    flip(path, 1_500_000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_record(path, known) is None, "another file, as far as can be told: trusted as found"
    guard.close()
