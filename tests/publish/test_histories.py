"""Any history of changes, with whatever keys are at hand: devices always update, and what was asked for goes out."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge.errors import EdgeError
from edge.publish.content import add
from edge.publish.delegation import delegate, revoke, rotate
from edge.publish.keys import Keys
from edge.publish.roles import list_delegates

TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")
Settings = Callable[..., Path]


def choose_keys(publisher: Any, chance: random.Random) -> Keys:
    """Return some of the keys, copied to a folder of their own; new ones are put with the others afterwards."""
    folder = publisher.home / f"hand-{chance.getrandbits(48):x}"
    folder.mkdir()
    for path in sorted(publisher.keys_folder.glob("*.pem")):
        if chance.random() < 0.6:
            (folder / path.name).write_bytes(path.read_bytes())
    return Keys([folder], publisher.passphrase, publisher.folder)


def make_change(publisher: Any, chance: random.Random, source: Path) -> None:
    """Make one change of any kind, which may be refused."""
    keys = choose_keys(publisher, chance)
    repository = publisher.repository
    what = chance.choice(
        ["add", "rotate", "rotate", "delegate", "revoke", "sign", "sign", "refresh", "discard"]
    )
    if what == "sign":
        repository.sign(keys)
    elif what == "refresh":
        repository.refresh(keys)
    elif what == "discard":
        repository.discard()
    else:
        with repository.change(keys) as change:
            names = list_delegates(change.targets)
            if what == "add":
                add(change, source)
            elif what == "rotate":
                rotate(change, chance.choice([*TOP_LEVEL, *names]))
            elif what == "delegate":
                delegate(
                    change, chance.choice(["acme", "bolt"]), [f"x{chance.random():.3f}".replace(".", "-")]
                )
            elif names:
                revoke(change, chance.choice(names))
            change.finish()


@pytest.mark.parametrize("seed", range(6))
def test_devices_update_after_every_change(publisher: Any, settings_file: Settings, seed: int) -> None:
    chance = random.Random(seed)
    old, seen = publisher.make_device("old"), dict.fromkeys(TOP_LEVEL, 0)
    for step in range(15):
        source = settings_file(f"passages = {step}\n")
        with suppress(EdgeError):
            make_change(publisher, chance, source)
        for folder in publisher.home.glob("hand-*/*.pem"):
            if not (publisher.keys_folder / folder.name).exists():
                folder.rename(publisher.keys_folder / folder.name)
        publisher.wait_days(chance.uniform(0, 3))
        old.now = publisher.now
        versions = old.read_versions()
        assert all(versions[role] >= seen[role] for role in TOP_LEVEL)
        assert publisher.make_device(f"new-{step}").read_versions() == versions
        seen = versions

    assert publisher.repository.sign(publisher.open_keys()).missing == ()
    last = settings_file("passages = 99\n")
    publisher.add(last)
    assert old.get("policy/config.toml") == last.read_bytes()
    for role in publisher.repository.view().state.delegates:
        old.refresh()._load_targets(role, "targets")
