"""A real repository with real keys, and a device that updates from it with python-tuf's client."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from edge.publish import keys as keys_module
from edge.publish.change import Outcome
from edge.publish.content import Addition, add
from edge.publish.keys import Keys
from edge.publish.repository import Repository

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")


@dataclass
class Passphrase:
    """One passphrase for every key; remembers what it was asked for."""

    value: str = "correct horse"
    asked: list[str] = field(default_factory=list)

    def list_candidates(self, file: str) -> Iterator[str]:
        self.asked.append(file)
        yield self.value

    def create(self, file: str) -> str:
        return self.value


class Folder(FetcherInterface):
    """Reads a repository's folder, as a USB stick is read."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(unquote(urlparse(url).path))
        if not path.is_file():
            raise DownloadHTTPError(f"no {path.name}", 404)
        return iter([path.read_bytes()])


@dataclass
class Device:
    """A device that trusted the first root and remembers what it has seen since."""

    repository: Path
    state: Path
    now: datetime

    def refresh(self) -> Updater:
        """Update all metadata; raises what python-tuf raises."""
        (self.state / "got").mkdir(parents=True, exist_ok=True)
        first = self.state / "first.json"
        if not first.exists():
            shutil.copy(self.repository / "metadata" / "1.root.json", first)
        updater = Updater(
            str(self.state / "metadata"), f"file://{self.repository}/metadata/",
            str(self.state / "got"), f"file://{self.repository}/targets/",
            fetcher=Folder(), bootstrap=first.read_bytes(),
        )  # fmt: skip
        updater._trusted_set.reference_time = self.now
        updater.refresh()
        return updater

    def get(self, path: str) -> bytes | None:
        """Return the contents of a target, verified; None where the repository has none of this name."""
        updater = self.refresh()
        info = updater.get_targetinfo(path)
        return Path(updater.download_target(info)).read_bytes() if info else None

    def read_versions(self) -> dict[str, int]:
        """Return the version of each top-level role after an update."""
        trusted = self.refresh()._trusted_set
        return {role: trusted[role].version for role in TOP_LEVEL}


@dataclass
class Publisher:
    """Somebody at headquarters with a repository, a folder of keys and a clock."""

    home: Path
    now: datetime = START
    passphrase: Passphrase = field(default_factory=Passphrase)

    @property
    def folder(self) -> Path:
        return self.home / "repository"

    @property
    def keys_folder(self) -> Path:
        return self.home / "keys"

    @property
    def repository(self) -> Repository:
        return Repository(self.folder, now=lambda: self.now)

    def open_keys(self, *folders: str) -> Keys:
        return Keys([self.home / name for name in folders or ("keys",)], self.passphrase, self.folder)

    def lock_away(self, role: str, stick: str) -> None:
        """Move the keys of a role to another folder."""
        (self.home / stick).mkdir(exist_ok=True)
        for path in self.keys_folder.glob(f"{role}-*.pem"):
            path.rename(self.home / stick / path.name)

    def spread_root_keys(self) -> tuple[str, ...]:
        """Each root key on a stick of its own; returns their folders."""
        names = []
        for index, path in enumerate(sorted(self.keys_folder.glob("root-*.pem"))):
            names.append(f"stick{index}")
            (self.home / names[-1]).mkdir()
            path.rename(self.home / names[-1] / path.name)
        return tuple(names)

    def add(self, source: Path, *folders: str, role: str = "") -> tuple[Addition, Outcome]:
        with self.repository.change(self.open_keys(*folders)) as change:
            return add(change, source, role), change.finish()

    def make_device(self, name: str = "device") -> Device:
        return Device(self.folder, self.home / name, self.now)

    def wait_days(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture(scope="session", autouse=True)
def quick_keys() -> Iterator[None]:
    """One round of PBKDF2 instead of 600,000."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "ITERATIONS", 1)
        yield


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, quick_keys: None) -> Path:
    publisher = Publisher(tmp_path_factory.mktemp("publisher"))
    keys = Keys([publisher.keys_folder], publisher.passphrase, publisher.folder, create=True)
    publisher.repository.init(keys)
    return publisher.home


@pytest.fixture
def publisher(fresh: Path, tmp_path: Path) -> Publisher:
    """With a repository of its own: root 2 of 3, nothing published."""
    shutil.copytree(fresh, tmp_path / "publisher")
    return Publisher(tmp_path / "publisher")


@pytest.fixture
def settings_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small file that can be published: ``settings_file(text)`` returns its path."""

    def write(text: str = "passages = 5\n", name: str = "config.toml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def packs(build_pack: Callable[..., Path]) -> Sequence[Path]:
    """Versions 1.0, 1.1 and 1.2 of the pack 'pumps'; one sentence differs."""
    text = "# Pump\n\n" + "\n\n".join(
        f"## Part {n}\n\nGrease bearing number {n} with {n + 3} grams of grease after {n * 40 + 60} hours of service."
        for n in range(60)
    )
    documents = {f"pump-{n}.md": text.replace("Part", f"Part {n} of section") for n in range(4)}
    made = []
    for index, version in enumerate(("1.0", "1.1", "1.2")):
        changed = {
            **documents,
            "pump-0.md": text + f"\n\n## News\n\nRevision {index} of the manual says so.\n",
        }
        made.append(build_pack(changed, version=version))
    return tuple(made)
