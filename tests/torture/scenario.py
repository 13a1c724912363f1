"""A device with one version of a pack in use and a newer one on its way, and what must be true whatever happens."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.cli.main import run as run_edge
from edge.config import Settings
from edge.packs.store import PackStore
from edge.packs.verify import verify
from edge.sync.anchor import hash_anchor, load_anchor, read_root, trust
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.delta import make
from edge.sync.ratchet import Ratchet
from edge.sync.sync import sync
from edge.sync.targets import make_delta_path
from tests.packs.conftest import TEXTS
from tests.sync.repository import Repository

NAMES = ("install", "sync", "delta", "files", "first")
MODEL = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
FILES = {
    "policy.toml": ("policy/config.toml", "policy", b"passages = 6\n"),
    "models/tiny.gguf": ("models/tiny.gguf", "model", MODEL.read_bytes()),
}
"""What comes beside packs: its place on the device, its target path and kind, and its first contents."""

NEWER = {**TEXTS, "valves.md": (*TEXTS["valves.md"], "Close it slowly too.")}


@dataclass(frozen=True, slots=True)
class Scenario:
    """``saved`` is the device before ``arguments`` are given to edge. ``first``: nothing has come to it yet."""

    saved: Path
    arguments: tuple[str, ...]
    repository: Repository
    first: bool
    files: bool

    def make_device(self, name: str = "home") -> Path:
        """Make a new copy of the device; the one of that name is thrown away."""
        home = self.saved.with_name(name)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.saved, home, symlinks=True)
        return home

    def make_work(self, home: Path) -> Callable[[], int]:
        """Return the command, as a function for a child process."""

        def call() -> int:
            os.environ["EDGE_HOME"] = str(home)
            return run_edge(self.arguments)

        return call

    def read_version(self, home: Path) -> str:
        """Return the version in use, whole and answering, and of what was seen nothing forgotten; empty for none at
        all."""
        store = PackStore(Settings(home=home))
        assert store.find_problems() == ()
        self.count_news(home)
        if self.first and not store.list():
            return ""
        with store.open("pumps") as pack:
            verify(pack.path)
            assert pack.query("SELECT rowid FROM keyword WHERE keyword MATCH 'torque'") == [(4,)]
        if self.arguments[0] == "sync" and pack.version == "2.0":
            assert self._seen(home) == self.repository.roles["targets"].signed.version
        return pack.version

    def count_news(self, home: Path) -> int:
        """Count the other files that are the new ones; the rest is as it was before, and none is anything else."""
        held = {place: (home / place).read_bytes() for place in FILES if (home / place).exists()}
        assert len(held) == len(FILES) or self.first or not self.files
        new = [data == FILES[place][2] + b"\n" for place, data in held.items()]
        assert all(is_new or held[place] == FILES[place][2] for is_new, place in zip(new, held, strict=True))
        return sum(new)

    def finish(self, home: Path) -> None:
        """Get through at the next attempt."""
        store = PackStore(Settings(home=home))
        if self.arguments[0] == "sync":
            report = sync(Settings(home=home), [FolderCarrier(self.repository.folder)])
            assert report.error is None
            assert [path for path in (home / "sync/staging").rglob("*") if path.is_file()] == []
        else:
            store.install(Path(self.arguments[2]), allow_unsigned=True)
        assert self.read_version(home) == "2.0"
        assert self.count_news(home) == len(FILES) * self.files
        assert store.get("pumps").previous == (None if self.first else "1.0")

    def _seen(self, home: Path) -> int:
        with closing(Ratchet(home / "sync/trust.sqlite")) as ratchet:
            return ratchet.get_seen(hash_anchor(load_anchor(Settings(home=home))))["targets"].version


def prepare(name: str, folder: Path, make_pack: Callable[..., Path]) -> Scenario:
    """Prepare the scenario of this name.

    ``install`` a file, ``sync`` all of a pack or a ``delta``, a pack and the other ``files``, or the ``first`` sync.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    saved, repository = folder / "saved", Repository(folder / "repository", now)
    settings, stick = Settings(home=saved), FolderCarrier(repository.folder)
    trust(settings, read_root(repository.anchor, "root"))
    old, new = make_pack(), make_pack(version="2.0", texts=NEWER)
    arguments: tuple[str, ...] = ("sync", str(stick.name))
    if name == "install":
        PackStore(settings).install(old, allow_unsigned=True)
        arguments = ("pack", "install", str(new), "--unsigned")
    elif name != "first":
        repository.add_pack(old)
        _add_files(repository, b"" if name == "files" else None)
        assert sync(settings, [stick]).error is None
    repository.add_pack(new)
    _add_files(repository, b"\n" if name in {"files", "first"} else None)
    if name == "delta":
        _add_delta(repository, old, new)
    return Scenario(saved, arguments, repository, name == "first", name in {"files", "first"})


def _add_files(repository: Repository, end: bytes | None) -> None:
    """Publish the other files with this at their end, if at all."""
    for path, kind, data in FILES.values() if end is not None else ():
        repository.add(path, data + end, {"kind": kind})


def _add_delta(repository: Repository, old: Path, new: Path) -> None:
    was, becomes = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (old, new))
    made = new.with_suffix(".kdelta")
    make(old, new, made)
    custom = {"kind": "delta", "name": "pumps", "from": was, "to": becomes}
    repository.add(make_delta_path("pumps", was, becomes), made.read_bytes(), custom)
