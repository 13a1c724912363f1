from __future__ import annotations

import errno
import fcntl
import os
import resource
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from edge import files
from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle, open_bundle
from edge.bundle.compose import Source, add_part, remove_part
from edge.embedded.table import PAGE
from edge.engine.embedder import BUNDLED
from edge.errors import BusyError, ModelError, NotFoundError, PackError, StorageError, UsageError
from tests.conftest import BuildPack

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "little model.gguf"
    return Path(shutil.copy(TINY, path))


def test_parts_begin_at_pages_and_are_what_was_put_in(program: Bundle, model: Path, tmp_path: Path) -> None:
    bundle = add_part(program, admit(model), tmp_path / "larger")
    assert bundle == open_bundle(tmp_path / "larger")
    assert [(part.kind, part.name) for part in bundle.parts] == [
        ("program", "edge"),
        ("launcher", "launcher"),
        ("model", model.name),
    ]
    assert all(part.offset % PAGE == 0 for part in bundle.parts)
    part = bundle.get_part(model.name)
    assert bundle.path.read_bytes()[part.offset : part.end] == model.read_bytes()
    assert all(map(bundle.is_sound, bundle.parts))
    assert os.access(bundle.path, os.X_OK)


def test_a_part_put_in_and_taken_out_leaves_the_same_bytes(program: Bundle, model: Path) -> None:
    before = program.path.read_bytes()
    larger = add_part(program, admit(model), program.path)
    assert program.path.read_bytes() != before
    remove_part(larger, larger.get_part(model.name), program.path)
    assert program.path.read_bytes() == before


def test_one_of_the_same_name_takes_its_place(program: Bundle, model: Path) -> None:
    bundle = add_part(program, admit(model), program.path)
    with model.open("ab") as file:
        file.write(b"more")
    bundle = add_part(bundle, admit(model), program.path)
    assert [part.size for part in bundle.contents] == [model.stat().st_size]


def test_a_pack_is_named_as_it_calls_itself(build_pack: BuildPack, program: Bundle, tmp_path: Path) -> None:
    renamed = build_pack().rename(tmp_path / "copy (1).kpack")
    bundle = add_part(program, admit(renamed), program.path)
    assert [(part.kind, part.name) for part in bundle.contents] == [("pack", "pumps.kpack")]


def test_what_is_neither_model_nor_pack_stays_out(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("notes")
    with pytest.raises(UsageError, match="neither a model nor a pack"):
        admit(other)
    with pytest.raises(PackError):
        admit(other.rename(tmp_path / "notes.kpack"))
    with pytest.raises(NotFoundError):
        admit(tmp_path / "nothing")


def test_a_damaged_part_is_not_copied_on(program: Bundle, model: Path, tmp_path: Path) -> None:
    flip(program.path, program.parts[0].offset + 5)
    with pytest.raises(StorageError, match="edge is damaged: program"):
        add_part(program, admit(model), tmp_path / "larger")
    assert not (tmp_path / "larger").exists()


def test_a_full_disk_leaves_the_old_program(program: Bundle, model: Path, tmp_path: Path) -> None:
    before, there = program.path.read_bytes(), sorted(tmp_path.iterdir())
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
    try:
        with pytest.raises(StorageError, match="edge cannot be written") as caught:
            add_part(program, admit(model), program.path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "-o FILE" in caught.value.hint
    assert program.path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == there


@pytest.mark.parametrize("error", [errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_where_the_kernel_does_not_copy_it_is_done_here(
    program: Bundle, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    expected = add_part(program, admit(model), tmp_path / "one").path.read_bytes()

    def refuse(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "copy_file_range", refuse)
    assert add_part(program, admit(model), tmp_path / "two").path.read_bytes() == expected


def test_a_file_in_memory_gets_onto_a_disk_and_back(program: Bundle, model: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        there = add_part(program, admit(model), Path(memory, "edge"))
        back = add_part(there, admit(model), tmp_path / "back")
        assert back.path.read_bytes() == there.path.read_bytes()


def test_permissions_and_owner_stay(program: Bundle, model: Path) -> None:
    program.path.chmod(0o750)
    if os.geteuid() == 0:
        os.chown(program.path, 1234, 4321)
    before = program.path.stat()
    add_part(program, admit(model), program.path)
    after = program.path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert stat.S_IMODE(after.st_mode) == 0o750


def test_a_link_to_the_program_stays_a_link(program: Bundle, model: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(program.path)
    add_part(open_bundle(link), admit(model), link)
    assert link.is_symlink()
    assert [part.name for part in open_bundle(program.path).contents] == [model.name]


def test_only_one_process_writes_at_a_time(
    program: Bundle, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.0)
    with program.path.with_name(".edge.new").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="Another process is writing"):
            add_part(program, admit(model), program.path)


def test_what_a_killed_process_left_is_written_over(program: Bundle, model: Path, tmp_path: Path) -> None:
    (tmp_path / ".edge.new").write_bytes(b"x" * (5 << 20))
    bundle = add_part(program, admit(model), program.path)
    assert all(verdict.sound for verdict in open_bundle(bundle.path).verify())
    assert not (tmp_path / ".edge.new").exists()


def test_a_program_that_was_changed_meanwhile_is_not_changed_back(program: Bundle, model: Path) -> None:
    add_part(program, admit(model), program.path)
    with pytest.raises(BusyError, match="changed meanwhile"):
        add_part(program, admit(model), program.path)


@pytest.mark.parametrize("name", ["größe ä.gguf", "模型.gguf", "a  b .GGUF", "no suffix"])
def test_models_may_have_any_printable_name(program: Bundle, model: Path, tmp_path: Path, name: str) -> None:
    bundle = add_part(program, admit(Path(shutil.copy(model, tmp_path / name))), program.path)
    (part,) = open_bundle(bundle.path).contents
    assert part.name == f"{name.removesuffix('.gguf').removesuffix('.GGUF')}.gguf"
    bundle.extract(part, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == model.read_bytes()


def test_a_name_of_two_lines_is_refused(program: Bundle, model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a part"):
        add_part(program, admit(Path(shutil.copy(model, tmp_path / "a\nb.gguf"))), program.path)


def test_a_model_that_is_cut_short_or_answers_nothing_stays_out(model: Path, tmp_path: Path) -> None:
    (tmp_path / "half.gguf").write_bytes(model.read_bytes()[:500_000])
    with pytest.raises(ModelError, match="cut short"):
        admit(tmp_path / "half.gguf")
    (embedder,) = BUNDLED.glob("minilm-*.gguf")
    with pytest.raises(ModelError, match="is an embedder"):
        admit(embedder)


def test_a_source_that_shrinks_is_told(program: Bundle, model: Path) -> None:
    source = Source("model", "m.gguf", model, 0, model.stat().st_size + 1)
    with pytest.raises(StorageError, match=r"m\.gguf is cut short"):
        add_part(program, source, program.path)


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))
