"""With a folder ``edge-data`` beside it, the program keeps everything there, whatever the stick's file system is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.binary.conftest import TINY_MODEL
from tests.binary.place import (
    STORAGE,
    Done,
    make_little_program,
    start,
    wrap_in_mounts,
    write_read_only_script,
)
from tests.binary.test_program import QUESTION

NO_HOME = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

SHOW = 'for name in EDGE_HOME EDGE_CACHE TMPDIR EDGE_BESIDE; do eval "echo \\$$name"; done'

TOUR = """
"$1" pack install "$2" --unsigned
"$1" model add "$3"
"$1" ask "$4" --engine extractive
"$1" ask "$4" --engine llama --json | grep llama:
"$1" pack build "$5" -o "$(dirname "$1")/edge-data/made.kpack"
"$1" self-test
"$1" serve --port 0 > "$TMP_OUT" & server=$!
until grep -q http "$TMP_OUT"; do kill -0 $server; done
read -r address _ < "$TMP_OUT"
python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())' "${address%/}/health"
kill $server; wait $server || true
"""


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A folder with ``edge-data`` in it."""
    (tmp_path / "stick" / "edge-data").mkdir(parents=True)
    return tmp_path / "stick"


@pytest.fixture
def portable(program: Path, stick: Path) -> Path:
    """The program beside ``edge-data``."""
    return Path(shutil.copy(program, stick / "edge"))


@pytest.fixture
def small(program: Path, stick: Path, tmp_path: Path) -> Path:
    """The launcher beside ``edge-data``, and a little program that shows where things are kept."""
    make_little_program(program, tmp_path / "made", SHOW).rename(stick / "edge")
    return stick / "edge"


def tour(portable: Path, starter: Path, source: Path, *, script: str) -> Done:
    """Everything that writes, after a script for `mounted`, with no home."""
    output = portable.parent / "output"
    command = ["sh", "-euc", TOUR, "tour", portable, starter, TINY_MODEL, QUESTION, source]
    return start(wrap_in_mounts(script, command), {**NO_HOME, "TMP_OUT": str(output)})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A document for a pack."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "pack.toml").write_text('name = "pumps"\nversion = "1.0"\ntitle = "Pumps"\n')
    (folder / "torque.md").write_text("# Torque\n\nThe housing bolts are tightened crosswise to 25 Nm.\n")
    return folder


def test_everything_is_kept_beside_it(small: Path, stick: Path) -> None:
    data = stick / "edge-data"
    kept = start([small], NO_HOME).stdout.splitlines()
    assert kept == [str(data), str(data / "program"), str(data / "tmp"), str(stick)]
    assert {path.name for path in data.iterdir()} == {"program", "tmp"}


def test_what_is_set_already_stays(small: Path, tmp_path: Path, stick: Path) -> None:
    cache, home = tmp_path / "cache", tmp_path / "home"
    given = {"EDGE_CACHE": str(cache), "EDGE_HOME": str(home), "TMPDIR": ""}
    kept = start([small], {**NO_HOME, **given}).stdout.splitlines()
    assert kept == [str(home), str(cache), str(stick / "edge-data" / "tmp"), str(stick)]
    assert cache.is_dir()


def test_without_the_folder_nothing_is_set(small: Path, stick: Path, tmp_path: Path) -> None:
    (stick / "edge-data").rmdir()
    assert start([small], {**NO_HOME, "HOME": str(tmp_path / "home")}).stdout == "\n" * 4
    assert (tmp_path / "home" / ".cache" / "edge").is_dir()
    assert [path.name for path in stick.iterdir()] == ["edge"]


def test_it_is_found_through_a_link_and_from_anywhere(small: Path, tmp_path: Path, stick: Path) -> None:
    (tmp_path / "edge").symlink_to(small)
    assert str(stick) in start(["./edge"], NO_HOME, cwd=tmp_path).stdout.splitlines()


def test_a_stick_that_all_may_write_to_is_used(small: Path, stick: Path) -> None:
    """Mounted so that every file belongs to all, as NTFS and exFAT often are."""
    for folder in (stick, stick / "edge-data"):
        folder.chmod(0o777)
    assert start([small], NO_HOME).returncode == 0
    for folder in (stick / "edge-data").iterdir():
        folder.chmod(0o777)
    assert start([small], NO_HOME).returncode == 0


@pytest.mark.parametrize("folder", ["edge-data", "edge-data/program"])
def test_a_folder_open_to_all_beside_a_program_that_is_not_is_refused(
    small: Path, stick: Path, folder: str
) -> None:
    start([small], NO_HOME)
    (stick / folder).chmod(0o777)
    refused = start([small], NO_HOME)
    assert refused.returncode == STORAGE
    assert "can be changed by others" in refused.stderr


def test_what_anybody_put_beside_it_in_a_folder_for_all_is_refused(small: Path, stick: Path) -> None:
    """As in /tmp, where everybody may add files, and change their own only."""
    stick.chmod(0o1777)
    assert start([small], NO_HOME).returncode == 0
    if os.geteuid() == 0:
        os.chown(stick / "edge-data", 65534, 65534)
        assert "can be changed by others" in start([small], NO_HOME).stderr


def test_a_stick_that_is_read_only_is_told(portable: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    done = start(wrap_in_mounts(write_read_only_script(other), [portable, "--version"]), NO_HOME)
    assert done.returncode == STORAGE
    assert "Read-only file system" in done.stderr


@pytest.mark.slow
def test_it_does_all_its_work_where_nothing_else_can_be_written(
    portable: Path, starter: Path, source: Path
) -> None:
    done = tour(portable, starter, source, script=write_read_only_script(portable.parent))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["packs"] == 1
    assert {path.name for path in portable.parent.iterdir()} == {"edge", "edge-data", "output"}


@pytest.mark.slow
def test_it_writes_nothing_elsewhere_where_it_could(
    portable: Path, starter: Path, source: Path, tmp_path: Path
) -> None:
    """On an overlay of the whole machine, on which everything written remains to be seen."""
    layer, stick = tmp_path / "layer", portable.parent
    layer.mkdir()
    script = f"""
        mount -t tmpfs none {layer}
        mkdir {layer}/above {layer}/work {layer}/machine
        mount -t overlay -o lowerdir=/,upperdir={layer}/above,workdir={layer}/work none {layer}/machine
        for folder in /dev /proc /sys; do mount --rbind $folder {layer}/machine$folder; done
        mount -t tmpfs none {layer}/machine/dev/shm
        mkdir -p {layer}/machine{stick}; mount --bind {stick} {layer}/machine{stick}
        cp -r {source} {stick}/source; cp {TINY_MODEL} {starter} {stick}/source"""
    if not _has_overlay():
        pytest.skip("no overlay can be mounted here")
    output = stick / "output"
    given = stick / "source"
    arguments = [portable, given / starter.name, given / TINY_MODEL.name, QUESTION, given]
    inside = ["chroot", layer / "machine", "/bin/sh", "-euc", TOUR, "tour", *arguments]
    every = [
        "sh",
        "-c",
        f'"$@" >&2 && find {layer}/above {layer}/machine/dev/shm ! -type d',
        "every",
        *inside,
    ]
    done = start(wrap_in_mounts(script, every), {**NO_HOME, "TMP_OUT": str(output), "HOME": "/root"})
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    kept = {path.name for path in (stick / "edge-data").iterdir()}
    assert {"packs", "models", "program", "tmp"} <= kept
    assert not list((stick / "edge-data" / "tmp").iterdir())


def _has_overlay() -> bool:
    script = """
        mount -t tmpfs none /mnt; cd /mnt; mkdir above work root
        mount -t overlay -o lowerdir=/,upperdir=above,workdir=work none root"""
    return subprocess.run(wrap_in_mounts(script, ["true"]), capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ntfs", "exfat"])
def test_it_works_on_a_stick_of_windows(program: Path, starter: Path, tmp_path: Path, kind: str) -> None:
    """File systems without links, owners and permissions."""
    make = {"ntfs": ["mkfs.ntfs", "-q", "-F", "-f"], "exfat": ["mkfs.exfat"]}[kind]
    mount = {"ntfs": "ntfs-3g", "exfat": "mount.exfat-fuse"}[kind]
    if not shutil.which(make[0], path=NO_HOME["PATH"]) or not shutil.which(mount, path=NO_HOME["PATH"]):
        pytest.skip("apt-get install ntfs-3g exfatprogs exfat-fuse")
    image, stick = tmp_path / "image", tmp_path / "stick"
    stick.mkdir()
    with image.open("wb") as file:
        file.truncate(1 << 30)
    subprocess.run([*make, image], check=True, capture_output=True, env=NO_HOME)
    script = f"""
        device=$(losetup --find --show {image})
        {mount} $device {stick}
        losetup --detach $device  # once it is mounted no more
        cp {program} {stick}/edge; mkdir {stick}/edge-data"""
    command = f"""
        {stick}/edge pack install {starter} --unsigned && {stick}/edge ask {QUESTION!r} && {stick}/edge self-test
        code=$?; umount {stick}; exit $code"""
    done = start(wrap_in_mounts(script, ["sh", "-c", command]), NO_HOME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "88" in done.stdout


def test_where_only_names_of_windows_may_be_run_it_takes_one(
    program: Path, stick: Path, tmp_path: Path
) -> None:
    """FAT mounted "showexec", as desktops do, lets edge.exe be run, and edge not."""
    if not shutil.which("bindfs"):
        pytest.skip("apt-get install bindfs")
    make_little_program(program, tmp_path / "made").rename(stick / "edge.exe")
    seen = tmp_path / "seen"
    seen.mkdir()
    command = f"""
        {seen}/edge.exe
        chmod +x {stick}/edge-data/program/*/edge.exe
        {seen}/edge.exe; {seen}/edge.exe; umount {seen}"""
    script = f"bindfs --create-with-perms=a-x --chmod-ignore {stick} {seen}"
    done = start(wrap_in_mounts(script, ["sh", "-c", command]), NO_HOME)
    assert done.stderr.count("cannot be run: Permission denied") == 1
    assert done.stdout.split() == ["little", "little"]
