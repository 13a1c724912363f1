"""Unpacked once, whole or not at all, whatever happens meanwhile, wherever it is; and a damaged program is refused."""

from __future__ import annotations

import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from fcntl import LOCK_EX, flock
from pathlib import Path
from urllib.request import urlopen

import pytest

from edge.bundle.bundle import open_bundle
from edge.embedded.table import FOOTER_SIZE
from tests.binary.conftest import Run, serve
from tests.binary.place import (
    NOBODY,
    STORAGE,
    make_little_program,
    start,
    wrap_in_mounts,
    write_read_only_script,
)
from tests.bundle.test_compose import flip

Environment = Mapping[str, str]

LONG_AGO = 1_000_000_000


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder of this test."""
    return tmp_path / "cache"


@pytest.fixture
def copy(program: Path, tmp_path: Path) -> Path:
    """A copy of the program, to be damaged."""
    return Path(shutil.copy(program, tmp_path / "edge"))


@pytest.fixture
def small(program: Path, tmp_path: Path) -> Path:
    """The launcher before an archive that is unpacked at once."""
    return make_little_program(program, tmp_path / "small")


def names(cache: Path) -> set[str]:
    """Return what is in the cache folder, but for the lock."""
    return {path.name for path in cache.iterdir()} - {".lock"}


def unpacked(cache: Path) -> Path:
    """Return the one folder that the program was unpacked to, with nothing beside it."""
    (name,) = names(cache)
    return cache / name


def pretend(cache: Path, *folders: str) -> None:
    """Folders as of versions that were used long ago."""
    for name in folders:
        (cache / name / "sub").mkdir(parents=True)
        (cache / name / "sub" / "file").write_bytes(
            bytes(60_000_000 if name.startswith("program-large") else 1)
        )
        os.utime(cache / name, (LONG_AGO, LONG_AGO))


# --- once ---


def test_it_is_unpacked_once(run: Run, cache: Path) -> None:
    run("--version")
    inode = unpacked(cache).stat().st_ino
    run("--version")
    assert unpacked(cache).stat().st_ino == inode


def test_several_that_start_at_once_unpack_one_folder(
    program: Path, environment: Environment, cache: Path
) -> None:
    command = [program, "--version"]
    several = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(8)]
    assert {each.wait(120) for each in several} == {0}
    assert unpacked(cache).is_dir()


def test_two_versions_that_start_at_once_and_in_turn_stay(
    small: Path, program: Path, environment: Environment, tmp_path: Path, cache: Path
) -> None:
    both = [small, make_little_program(program, tmp_path / "other")]
    several = [
        subprocess.Popen([each], env=environment, stdout=subprocess.PIPE) for each in both for _ in range(4)
    ]
    assert {each.communicate(timeout=60)[0] for each in several} == {b"little\n"}
    inodes = {path.stat().st_ino for path in cache.iterdir()}
    assert len(names(cache)) == 2
    for each in both * 2:
        assert start([each], environment).stdout == "little\n"
    assert {path.stat().st_ino for path in cache.iterdir()} == inodes


def test_a_file_without_its_bytes_is_noticed(run: Run, cache: Path) -> None:
    run("--version")
    library = next(unpacked(cache).rglob("libpython*"))
    size = library.stat().st_size
    library.write_bytes(b"")
    run("--version")
    assert next(unpacked(cache).rglob("libpython*")).stat().st_size == size


def test_old_versions_and_left_overs_are_removed(small: Path, environment: Environment, cache: Path) -> None:
    pretend(cache, "program-0123456789abcdef", ".unfinished-abcdef", "program-yesterday")
    os.utime(cache / "program-yesterday", (time.time() - 100_000,) * 2)
    assert start([small], environment).returncode == 0
    assert "program-yesterday" in names(cache)
    assert len(names(cache)) == 2


def test_a_version_that_runs_stays(
    program: Path, small: Path, environment: Environment, cache: Path, tmp_path: Path
) -> None:
    running = Path(shutil.copy(program, tmp_path / "running"))
    with serve(running, environment) as address:
        os.utime(unpacked(cache), (LONG_AGO, LONG_AGO))
        shutil.copy(small, tmp_path / "new").rename(running)
        assert start([running], environment).stdout == "little\n"
        assert len(names(cache)) == 2
        with urlopen(f"{address}/openapi.json") as answer:  # imports much for the first time
            assert answer.status == 200


@pytest.mark.slow
def test_killed_at_any_time_the_next_start_works_and_nothing_is_left(
    program: Path, environment: Environment, cache: Path
) -> None:
    def killed_after(seconds: float) -> None:
        with subprocess.Popen([program, "--version"], env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()

    begin = time.monotonic()
    assert start([program, "--version"], environment).returncode == 0
    whole = time.monotonic() - begin
    for step in range(40):
        if step % 4 == 0:
            shutil.rmtree(cache)
        killed_after(whole * step / 40)
    shutil.rmtree(cache)
    killed_after(whole / 3)
    assert start([program, "--version"], environment).returncode == 0
    assert unpacked(cache).name.startswith("program-")


def test_every_library_that_was_packed_is_found_where_it_is(
    program: Path, environment: Environment, cache: Path
) -> None:
    """There are no links: each is looked for in the right folder, and no other of that name is taken."""
    assert start([program, "--version"], environment).returncode == 0
    folder = unpacked(cache)
    paths = [
        path for path in folder.rglob("*") if ".so" in path.name or (path.name == "edge" and path.is_file())
    ]
    shown = start(["ldd", *paths], {**environment, "LD_LIBRARY_PATH": str(folder / "_internal")}).stdout
    inside = {path.name for path in paths}
    for line in shown.splitlines():
        name, arrow, found = line.strip().partition(" => ")
        if arrow and name in inside:
            assert found.startswith(str(folder)), line


# --- where it is unpacked to ---


def test_a_limit_to_the_size_of_files_is_told_and_nothing_is_left(
    program: Path, environment: Environment, cache: Path
) -> None:
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = start([program, "--version"], environment, before=limited)
    assert done.returncode == STORAGE
    assert "cannot be unpacked" in done.stderr
    assert "EDGE_CACHE" in done.stderr
    assert names(cache) == set()


def test_a_full_disk_is_told_and_nothing_is_left(
    program: Path, environment: Environment, cache: Path
) -> None:
    cache.mkdir()
    done = start(
        wrap_in_mounts(
            f"mount -t tmpfs -o size=100m,mode=700 none {cache}",
            ["sh", "-c", f'{program} --version; echo "code $?"; ls -A {cache}'],
        ),
        environment,
    )
    assert "No space left" in done.stderr
    assert "EDGE_CACHE" in done.stderr
    assert done.stdout.split() == ["code", "8", ".lock"]


def test_where_there_is_no_room_for_two_versions_the_older_goes(
    program: Path, environment: Environment, cache: Path
) -> None:
    cache.mkdir()
    old = cache / "program-old"
    script = f"""
        mount -t tmpfs -o size=4g,mode=700 none {cache}
        {program} --version > /dev/null
        used=$(du -sk {cache} | cut -f1)
        rm -r {cache}/*
        mkdir {old}; head -c $((used * 900)) /dev/zero > {old}/file
        mount -o remount,size=$((used * 5 / 4))k {cache}"""
    done = start(
        wrap_in_mounts(script, ["sh", "-c", f"{program} --version > /dev/null && ls {cache}"]), environment
    )
    assert done.returncode == 0, done.stderr
    assert "program-old" not in done.stdout


def test_a_cache_that_cannot_be_made_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file", tmp_path / "file" / "cache"):
        done = run("--version", code=STORAGE, EDGE_CACHE=str(cache))
        assert "cannot be" in done.stderr
        assert "EDGE_CACHE" in done.stderr


def test_a_home_that_is_read_only_is_told(program: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = start(
        wrap_in_mounts(
            write_read_only_script(tmp_path) + f"\nmount -t tmpfs -o ro none {home}", [program, "--version"]
        ),
        {"HOME": str(home)},
    )
    assert done.returncode == STORAGE
    assert "Read-only file system" in done.stderr
    assert "EDGE_CACHE" in done.stderr


def test_a_cache_that_is_read_only_serves_once_it_is_filled(
    program: Path, environment: Environment, run: Run, cache: Path, tmp_path: Path
) -> None:
    run("--version")
    (tmp_path / "elsewhere").mkdir()
    done = start(
        wrap_in_mounts(write_read_only_script(tmp_path / "elsewhere"), [program, "--version"]), environment
    )
    assert done.returncode == 0, done.stderr
    assert unpacked(cache)


def test_where_nothing_may_be_run_nothing_is_unpacked(
    program: Path, environment: Environment, cache: Path
) -> None:
    cache.mkdir()
    command = ["sh", "-c", f'{program} --version; echo "code $?"; ls -A {cache}']
    done = start(wrap_in_mounts(f"mount -t tmpfs -o noexec,mode=700 none {cache}", command), environment)
    assert "noexec" in done.stderr
    assert "EDGE_CACHE" in done.stderr
    assert done.stdout.split() == ["code", "8"]


def test_without_a_home_a_folder_is_asked_for(program: Path) -> None:
    done = start([program, "--version"], {})
    assert done.returncode == STORAGE
    assert "no home folder" in done.stderr


@pytest.mark.parametrize("name", ["with two spaces  ", "größer/дом/家", 'it\'s "quoted" $HOME', "new\nline"])
def test_the_path_of_the_cache_may_have_any_characters(run: Run, tmp_path: Path, name: str) -> None:
    run("--version", EDGE_CACHE=str(tmp_path / name))
    assert unpacked(tmp_path / name)


def test_a_cache_named_relative_is_in_the_current_folder(run: Run, tmp_path: Path) -> None:
    assert run("doctor", "--help", EDGE_CACHE="here/it is").stdout
    assert unpacked(tmp_path / "here" / "it is")


@pytest.mark.parametrize("length", [3000, 4000, 5000])
def test_a_long_path_works_or_is_told(run: Run, tmp_path: Path, length: int) -> None:
    folder = str(tmp_path) + "/" + "/".join(["x" * 99] * (length // 100))
    if length == 3000:
        run("--version", EDGE_CACHE=folder)
    else:
        assert "too long" in run("--version", code=STORAGE, EDGE_CACHE=folder).stderr
        assert not (tmp_path / ("x" * 99)).exists()


def test_a_cache_that_others_can_change_is_not_used(run: Run, cache: Path) -> None:
    run("--version")
    cache.chmod(0o777)
    assert "can be changed by others" in run("--version", code=STORAGE).stderr
    cache.chmod(0o755)
    unpacked(cache).chmod(0o775)
    assert "can be changed by others" in run("--version", code=STORAGE).stderr


@pytest.fixture
def public(program: Path) -> Iterator[Path]:
    """The program where every user can run it, in a folder that every user can write to."""
    if os.geteuid():
        pytest.skip("only root can run programs as somebody else")
    folder = Path(subprocess.check_output(["mktemp", "-d", "-p", "/var/tmp"], text=True).strip())
    shutil.copy(program, folder / "edge")
    folder.chmod(0o777)
    yield folder / "edge"
    shutil.rmtree(folder)


def test_any_user_can_run_it(public: Path) -> None:
    environment = {"HOME": str(public.parent / "home")}
    assert start([public, "--version"], environment, user=NOBODY).returncode == 0


def test_what_root_unpacked_serves_all_but_what_another_user_unpacked_does_not(public: Path) -> None:
    environment = {"EDGE_CACHE": str(public.parent / "cache"), "HOME": "/nonexistent"}
    assert start([public, "--version"], environment).returncode == 0
    (public.parent / "cache").chmod(0o755)
    unpacked(public.parent / "cache").chmod(0o755)
    assert start([public, "--version"], environment, user=NOBODY).returncode == 0
    shutil.rmtree(public.parent / "cache")
    assert start([public, "--version"], environment, user=NOBODY).returncode == 0
    (public.parent / "cache").chmod(0o755)
    refused = start([public, "--version"], environment, user=NOBODY - 1)
    assert refused.returncode == STORAGE
    assert "can be changed by others" in refused.stderr


# --- what it is started with ---


def test_it_runs_from_a_medium_that_is_read_only(
    program: Path, environment: Environment, tmp_path: Path
) -> None:
    done = start(wrap_in_mounts(write_read_only_script(tmp_path), [program, "--version"]), environment)
    assert done.returncode == 0, done.stderr


def test_without_proc_it_says_what_is_missing(small: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "cache").mkdir(parents=True)
    shutil.copy(small, root / "edge")
    command = ["chroot", root, "/edge"]
    done = start(
        wrap_in_mounts("", command), {"EDGE_CACHE": "/cache", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    assert done.returncode == STORAGE
    assert "Mount /proc" in done.stderr


def test_closed_streams_do_not_matter(program: Path, environment: Environment, cache: Path) -> None:
    def close_all() -> None:
        os.closerange(0, 3)

    assert start([program, "--version"], environment, before=close_all).returncode == 0
    assert (cache / ".lock").read_bytes() == b""


def test_a_person_at_a_terminal_is_told_why_it_takes_long(
    small: Path, environment: Environment, cache: Path
) -> None:
    cache.mkdir()
    ours, theirs = pty.openpty()
    with (cache / ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        with subprocess.Popen([small], env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
            said = os.read(ours, 1000).decode()
            flock(lock, 8)
            assert process.communicate()[0] == b"little\n"
    assert said == "Unpacking the program, once for each version ...\r\n"


# --- damage ---


@pytest.mark.parametrize("at", [0.0, 0.1, 0.5, 0.999], ids=["list", "front", "middle", "end"])
def test_a_flipped_bit_in_the_archive_is_refused(run: Run, copy: Path, cache: Path, at: float) -> None:
    archive = open_bundle(copy).parts[0]
    flip(copy, archive.offset + 20 + int(at * (archive.size - 40)))
    done = run("--version", program=copy, code=STORAGE)
    assert "archive is damaged" in done.stderr
    assert not cache.exists() or not names(cache)


def test_a_damaged_footer_or_table_is_named(run: Run, copy: Path) -> None:
    length = copy.stat().st_size
    for at, what in ((20, "footer is damaged"), (FOOTER_SIZE + 10, "table of contents is damaged")):
        flip(copy, length - at)
        assert what in run("--version", program=copy, code=STORAGE).stderr
        flip(copy, length - at)


def test_a_program_cut_short_is_refused_at_any_length(run: Run, copy: Path) -> None:
    archive = open_bundle(copy).parts[0]
    lengths = (copy.stat().st_size - 1, archive.end, archive.offset + archive.size // 2, archive.offset)
    for length in lengths:
        os.truncate(copy, length)
        assert "cut short" in run("--version", program=copy, code=STORAGE).stderr


def test_a_program_whose_end_is_missing_or_longer_is_refused(run: Run, copy: Path) -> None:
    """As downloads leave it that were broken off, or got a page of HTML behind them."""
    whole, length = copy.read_bytes()[-FOOTER_SIZE:], copy.stat().st_size
    with copy.open("r+b") as file:
        file.seek(length - FOOTER_SIZE)
        file.write(bytes(FOOTER_SIZE))
        file.flush()
        assert "no footer" in run("--version", program=_closed(copy), code=STORAGE).stderr
    with copy.open("r+b") as file:
        file.seek(length - FOOTER_SIZE)
        file.write(whole + b"<html>")
    assert "added to its end" in run("--version", program=copy, code=STORAGE).stderr


def _closed(path: Path) -> Path:
    """Return a copy of a file that is open: what is being written cannot be run."""
    return Path(shutil.copy(path, path.with_name("closed")))


def test_zeros_instead_of_the_archive_are_refused(run: Run, copy: Path) -> None:
    archive = open_bundle(copy).parts[0]
    with copy.open("r+b") as file:
        file.seek(archive.offset)
        file.write(bytes(archive.size))
    assert "archive is damaged" in run("--version", program=copy, code=STORAGE).stderr


def test_a_flipped_bit_in_the_launcher_itself_never_goes_unnoticed(
    small: Path, environment: Environment
) -> None:
    """The code that runs before it has looked at itself may crash: 8 of 600 bits did. Of the rest nothing is run."""
    whole = bytearray(small.read_bytes())
    size, draw, named = open_bundle(small).parts[1].size, random.Random(3), 0
    for _ in range(60):
        at, bit = draw.randrange(size), 1 << draw.randrange(8)
        whole[at] ^= bit
        small.write_bytes(whole)
        whole[at] ^= bit
        try:
            done = start([small], environment)
        except OSError:  # the kernel takes it for no program
            continue
        assert done.returncode == STORAGE or done.returncode < 0, f"{at}: {done}"
        assert done.stdout == ""
        named += "launcher is damaged" in done.stderr
    assert named >= 54


@pytest.mark.slow
def test_wherever_it_is_damaged_it_is_refused_in_words(
    small: Path, environment: Environment, cache: Path
) -> None:
    """500 flips, cuts and zeros at random behind the launcher: never a crash, never half a program."""
    whole = small.read_bytes()
    begin, end = open_bundle(small).parts[0].offset, len(whole)
    draw = random.Random(5)
    for number in range(500):
        at = draw.randrange(begin, end)
        kind = draw.choice(("flip", "cut", "zeros"))
        damaged = bytearray(whole)
        if kind == "flip":
            damaged[at] ^= 1 << draw.randrange(8)
        elif kind == "cut":
            del damaged[at:]
        else:
            damaged[at : at + 512] = bytes(len(damaged[at : at + 512]))
        small.write_bytes(damaged)
        shutil.rmtree(cache, ignore_errors=True)
        done = start([small], environment)
        if damaged == whole:
            assert done.returncode == 0
            continue
        where = f"{number}: {kind} at {at}: {done}"
        assert done.returncode == STORAGE, where
        assert done.stderr.startswith("error: The program"), where
        assert done.stdout == "", where
        assert not cache.exists() or not names(cache), where
