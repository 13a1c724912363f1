"""A publisher's repository, the roads it comes by, and a device that trusts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from edge.config import Settings
from edge.packs.store import PackStore
from edge.sync.anchor import read_root, trust
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.interface import Carrier
from edge.sync.report import Report
from edge.sync.sync import sync
from edge.sync.trust import Offer, Trust
from tests.packs.conftest import make_pack
from tests.sync.mirror import serve
from tests.sync.repository import DAY, T0, Repository

__all__ = ["make_pack"]

Road = Callable[[Repository], Carrier]


@dataclass
class Device:
    """A device of a technician. ``clock`` is what its clock says."""

    settings: Settings
    clock: datetime = T0 + DAY

    def trust(self, repository: Repository) -> Device:
        trust(self.settings, read_root(repository.anchor, "root"))
        return self

    def refresh(self, carrier: Carrier, accept_stale: bool = False) -> Offer:
        with closing(Trust(self.settings, lambda: self.clock)) as opened:
            return opened.refresh(carrier, accept_stale=accept_stale)

    def sync(self, *carriers: Carrier, accept_stale: bool = False) -> Report:
        return sync(self.settings, carriers, accept_stale=accept_stale, now=lambda: self.clock)

    @property
    def packs(self) -> dict[str, str]:
        """The versions in use."""
        return {pack.name: pack.version for pack in PackStore(self.settings).list()}

    @property
    def cache(self) -> Path:
        return self.settings.sync_dir / "metadata"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def device(tmp_path: Path, repository: Repository) -> Device:
    return Device(Settings(home=tmp_path / "home")).trust(repository)


@pytest.fixture(params=["folder", "http"])
def road(request: pytest.FixtureRequest) -> Iterator[Road]:
    """Makes a carrier to a repository, by every road in turn."""
    with ExitStack() as stack:

        def take(repository: Repository) -> Carrier:
            if request.param == "folder":
                return FolderCarrier(repository.folder)
            mirror = stack.enter_context(serve(repository.folder))
            return stack.enter_context(
                closing(HttpsCarrier(mirror.address, Settings(home=repository.folder)))
            )

        yield take
