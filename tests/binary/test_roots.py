"""The one file in Debian roots that hold nothing but Debian's base: no Python, no network, an unprivileged user.

It takes debootstrap, a network when a root is made, and root's rights.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import open_bundle
from edge.bundle.compose import add_part
from tests.binary.conftest import TINY_MODEL
from tests.binary.place import install_debian
from tests.binary.test_program import QUESTION

pytestmark = pytest.mark.slow

NOBODY = "65534:65534"

ASK = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/chat", sys.argv[2].encode(), {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""


@pytest.fixture(params=["bullseye", "bookworm"], ids=["Debian 11", "Debian 12"])
def root(request: pytest.FixtureRequest) -> Path:
    """An empty Debian."""
    return install_debian(request.param)


@pytest.fixture
def place(root: Path, program: Path, starter: Path) -> Iterator[Path]:
    """A folder in the root with the program, the tiny model and the starter pack inside it; nobody owns it."""
    folder = root / "technician"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copy = Path(shutil.copy(program, folder / "edge"))
    for each in (TINY_MODEL, starter):
        add_part(open_bundle(copy), admit(each), copy)
    os.chown(folder, 65534, 65534)
    yield folder
    shutil.rmtree(folder)


def inside(root: Path, command: str) -> list[str]:
    """Return the command line that runs a shell command in the root, as nobody, with a network that has only
    loopback."""
    prepare = (
        'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && ip link set lo up && '
        f'exec chroot --userspec={NOBODY} "$0" /usr/bin/env -i HOME=/technician/home PATH=/usr/bin:/bin sh -c "$1"'
    )
    return ["unshare", "--net", "--mount", "sh", "-c", prepare, str(root), command]


@contextmanager
def serving(root: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give the server in the root: its process and its address."""
    command = inside(root, "exec /technician/edge serve --port 0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server, server.stdout.readline().split()[0].rstrip("/")
        finally:
            server.terminate()


def test_it_tests_itself(root: Path, place: Path) -> None:
    done = subprocess.run(
        inside(root, "/technician/edge self-test --json"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert {"inside", "unpacked", "answer", "writing"} <= {check["name"] for check in checks}
    assert [check for check in checks if check["status"] == "fail"] == []


@pytest.mark.usefixtures("place")
def test_it_answers_over_http(root: Path) -> None:
    with serving(root) as (server, address):
        question = json.dumps({"message": QUESTION})
        client = ["nsenter", f"--net=/proc/{server.pid}/ns/net", sys.executable, "-c", ASK, address, question]
        answer = json.loads(subprocess.run(client, capture_output=True, text=True, check=True).stdout)
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"
    assert answer["citations"][0]["document"] == "fasteners-and-torque.md"
