"""Unpacked once, whole or not at all, whatever happens meanwhile; and a damaged program is refused."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.bundle.bundle import open_bundle
from tests.binary.conftest import Run
from tests.bundle.test_compose import flip

STORAGE = 8


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder of this test."""
    return tmp_path / "cache"


@pytest.fixture
def copy(program: Path, tmp_path: Path) -> Path:
    """A copy of the program, to be damaged."""
    return Path(shutil.copy(program, tmp_path / "edge"))


def unpacked(cache: Path) -> Path:
    """The one folder that the program was unpacked to, with nothing beside it."""
    names = {path.name for path in cache.iterdir()} - {".lock"}
    (name,) = names
    return cache / name


def test_it_is_unpacked_once(run: Run, cache: Path) -> None:
    run("--version")
    inode = unpacked(cache).stat().st_ino
    run("--version")
    assert unpacked(cache).stat().st_ino == inode


def test_several_that_start_at_once_unpack_one_folder(
    program: Path, environment: Mapping[str, str], cache: Path
) -> None:
    several = [
        subprocess.Popen([program, "--version"], env=environment, stdout=subprocess.DEVNULL) for _ in range(4)
    ]
    assert [each.wait(120) for each in several] == [0, 0, 0, 0]
    assert unpacked(cache).is_dir()


def test_a_file_without_its_bytes_is_noticed(run: Run, cache: Path) -> None:
    run("--version")
    library = next(unpacked(cache).rglob("libpython*"))
    size = library.stat().st_size
    library.write_bytes(b"")
    run("--version")
    assert next(unpacked(cache).rglob("libpython*")).stat().st_size == size


def test_older_versions_and_left_overs_are_removed_unless_they_run(run: Run, cache: Path) -> None:
    for name in ("program-0123456789abcdef", ".unfinished-abcdef", "program-in-use"):
        (cache / name / "sub").mkdir(parents=True)
        (cache / name / "sub" / "file").write_text("")
    with subprocess.Popen(
        ["flock", "--shared", cache / "program-in-use", "cat"], stdin=subprocess.PIPE
    ) as holder:
        while (
            subprocess.run(["flock", "--nonblock", cache / "program-in-use", "true"], check=False).returncode
            == 0
        ):
            pass
        run("--version")
        holder.communicate()
    names = sorted(path.name for path in cache.iterdir() if path.name != ".lock")
    assert len(names) == 2
    assert "program-in-use" in names


def test_a_full_disk_is_told_and_nothing_is_left(
    program: Path, environment: Mapping[str, str], cache: Path
) -> None:
    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run(
        [program, "--version"],
        env=environment,
        capture_output=True,
        text=True,
        preexec_fn=little_room,
        check=False,
    )
    assert done.returncode == STORAGE
    assert "cannot be unpacked" in done.stderr
    assert "EDGE_CACHE" in done.stderr
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_made_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("--version", code=STORAGE, EDGE_CACHE=str(tmp_path / "file" / "cache"))
    assert "cannot be made" in done.stderr
    assert "EDGE_CACHE" in done.stderr


def test_a_cache_that_others_can_change_is_not_used(run: Run, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    assert "can be changed by others" in run("--version", code=STORAGE).stderr


@pytest.mark.parametrize("at", [0.0, 0.1, 0.5, 0.999], ids=["list", "front", "middle", "end"])
def test_a_flipped_bit_in_the_archive_is_refused(run: Run, copy: Path, cache: Path, at: float) -> None:
    archive = open_bundle(copy).parts[0]
    flip(copy, archive.offset + 20 + int(at * (archive.size - 40)))
    done = run("--version", program=copy, code=STORAGE)
    assert "archive is damaged" in done.stderr
    assert not [path for path in cache.glob("*") if path.name != ".lock"]


def test_a_damaged_footer_or_table_is_refused(run: Run, copy: Path) -> None:
    flip(copy, copy.stat().st_size - 20)
    assert "footer is damaged" in run("--version", program=copy, code=STORAGE).stderr
    flip(copy, copy.stat().st_size - 20)
    flip(copy, copy.stat().st_size - 64 - 10)
    assert "table of contents is damaged" in run("--version", program=copy, code=STORAGE).stderr


def test_a_program_that_was_cut_short_is_refused(run: Run, copy: Path) -> None:
    for size in (copy.stat().st_size - 1, copy.stat().st_size // 2, 1_000_000):
        with copy.open("r+b") as file:
            file.truncate(size)
        assert "cut short" in run("--version", program=copy, code=STORAGE).stderr
