"""The demonstration of signed packs: ``python build/demo_sync.py`` publishes, syncs and attacks, all on this machine.

Two versions of a small pack are published; a device gets the first from a folder and the second, as a delta, over
loopback HTTP; a mirror that changes a single bit is refused; the device goes back to the first version.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from demo import print_paragraphs, run_edge, step
from fetch import SetupError, run_script
from pack_cache import EDGE, STARTER

PASSPHRASE = "correct horse battery staple demonstration"
DOCUMENTS = sorted(path.name for path in STARTER.glob("*.md"))[:12]
CHANGED = DOCUMENTS[0]


def main() -> None:
    """Publish, sync, attack, roll back."""
    os.environ["EDGE_KEYS_PASSPHRASE"] = PASSPHRASE
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        publisher, device, repository = work / "publisher", work / "device", work / "repository"
        keys = ("--keys", str(work / "keys"))
        step("a publisher makes a repository, and the keys that sign it")
        run_edge(publisher, "publish", "init", str(repository), *keys)
        step("version 1.0 of a pack is built and published")
        publish(publisher, repository, keys, build(publisher, work, "1.0"))
        step("a device is told whom to trust, once, and gets the pack from a folder")
        run_edge(device, "sync", "trust", str(repository), "--yes")
        run_edge(device, "sync", str(repository))
        step(
            "version 1.1 changes one document of twelve; the device gets it over HTTP: only what changed travels"
        )
        publish(publisher, repository, keys, build(publisher, work, "1.1"))
        with serve_folder(repository) as address:
            run_edge(device, "sync", address)
        run_edge(device, "pack", "list")
        step("a mirror changes one bit of version 1.2: it is refused, and 1.1 stays in use")
        publish(publisher, repository, keys, build(publisher, work, "1.2"))
        tamper(repository)
        with serve_folder(repository) as address:
            run_refused(device, "sync", address)
        run_edge(device, "pack", "list")
        step("back to version 1.0")
        run_edge(device, "pack", "rollback", "demo")
        run_edge(device, "pack", "list")


def build(home: Path, work: Path, version: str) -> Path:
    """Build the pack of a dozen documents of the starter pack; every version but the first adds a sentence to one."""
    source = work / f"source-{version}"
    source.mkdir()
    (source / "pack.toml").write_text(f'name = "demo"\nversion = "{version}"\ntitle = "Demonstration"\n')
    for name in DOCUMENTS:
        text = (STARTER / name).read_text(encoding="utf-8")
        if name == CHANGED and version != "1.0":
            text += f"\n## What is new in {version}\n\nThis section came with version {version}.\n"
        (source / name).write_text(text, encoding="utf-8")
    pack = work / f"demo-{version}.kpack"
    run_edge(home, "pack", "build", str(source), "-o", str(pack))
    return pack


def publish(home: Path, repository: Path, keys: tuple[str, str], pack: Path) -> None:
    """Add a pack to the repository, signed."""
    run_edge(home, "publish", "add", str(repository), str(pack), *keys)


def tamper(repository: Path) -> None:
    """Flip one bit in the middle of every file that can bring the newest version to a device."""
    newest = max((repository / "targets").rglob("*.kpack"), key=lambda path: path.stat().st_mtime_ns)
    for path in (newest, *(repository / "targets").rglob("*.kdelta")):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)


def run_refused(home: Path, *arguments: str) -> None:
    """Run a command that must fail, and show what it says.

    Raises:
        SetupError: it did not fail.
    """
    done = subprocess.run(
        [EDGE, *arguments],
        env=os.environ | {"EDGE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    print_paragraphs(done.stdout.strip(), "    ")
    if done.returncode == 0:
        raise SetupError("what was tampered with has been accepted.")


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve a folder by a plain web server on loopback, as any mirror is one; give its address."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    run_script(main)
