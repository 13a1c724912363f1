from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.errors import NotFoundError, StorageError, TrustError, UsageError
from edge.publish.delegation import delegate, rotate
from edge.publish.export import export

Settings = Callable[..., Path]
BuildPack = Callable[..., Path]
PUMPS = "packs/pumps.kpack"


@pytest.fixture
def stick(publisher: Any) -> Path:
    """Where a stick is mounted. A device that has this repository's first root reads it."""
    folder: Path = publisher.home / "stick"
    return folder


@pytest.fixture(scope="session")
def valves(build_pack: BuildPack) -> Path:
    return build_pack({"valve.md": "# Valve\n\nGrease the stem twice a year.\n"}, name="valves")


def make_device(publisher: Any, stick: Path, name: str = "van") -> Any:
    device = publisher.make_device(name)
    device.repository = stick
    return device


def list_names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_device_updates_from_the_stick(
    publisher: Any, stick: Path, packs: Sequence[Path], settings_file: Settings
) -> None:
    publisher.add(packs[0])
    publisher.add(settings_file())
    done = export(publisher.repository, stick)
    assert {target.path for target in done.targets} == {PUMPS, "policy/config.toml"}
    assert done.copied == packs[0].stat().st_size + settings_file().stat().st_size
    assert make_device(publisher, stick).get(PUMPS) == packs[0].read_bytes()
    assert make_device(publisher, stick).get("policy/config.toml") == settings_file().read_bytes()


def test_only_the_packs_that_are_wanted(
    publisher: Any, stick: Path, packs: Sequence[Path], valves: Path, settings_file: Settings
) -> None:
    for source in (packs[0], packs[1], valves, settings_file()):
        publisher.add(source)
    done = export(publisher.repository, stick, ["pump*"])
    assert {target.kind for target in done.targets} == {"pack", "delta"}
    assert {target.name for target in done.targets} == {"pumps"}
    assert make_device(publisher, stick).get(PUMPS)
    assert {target.name for target in export(publisher.repository, stick, ["pumps,valves"]).targets} == {
        "pumps",
        "valves",
    }


def test_a_name_that_fits_nothing_is_refused(publisher: Any, stick: Path, packs: Sequence[Path]) -> None:
    publisher.add(packs[0])
    with pytest.raises(NotFoundError, match="called 'pomps'") as error:
        export(publisher.repository, stick, ["pumps", "pomps"])
    assert "pumps" in error.value.hint
    assert not stick.exists()


def test_a_second_time_only_what_is_new_is_copied(
    publisher: Any, stick: Path, packs: Sequence[Path], valves: Path
) -> None:
    publisher.add(packs[0])
    publisher.add(valves)
    export(publisher.repository, stick)
    assert export(publisher.repository, stick).copied == 0
    publisher.add(packs[1])
    done = export(publisher.repository, stick)
    assert done.copied < packs[1].stat().st_size * 1.5
    assert done.removed == packs[0].stat().st_size
    assert make_device(publisher, stick).get(PUMPS) == packs[1].read_bytes()
    assert not [name for name in list_names(stick) if name.endswith((".part", ".new"))]


def test_every_root_goes_along(publisher: Any, stick: Path, packs: Sequence[Path]) -> None:
    publisher.add(packs[0])
    old = make_device(publisher, stick)
    export(publisher.repository, stick)
    old.refresh()
    for _ in range(2):
        with publisher.repository.change(publisher.open_keys()) as change:
            rotate(change, "root")
            change.finish()
    export(publisher.repository, stick)
    assert old.read_versions()["root"] == 3
    versions = {name.partition(".")[2] for name in list_names(stick / "metadata")}
    assert versions == {"root.json", "targets.json", "snapshot.json", "json"}
    assert len(list_names(stick / "metadata")) == 6


def test_delegates_go_along(publisher: Any, stick: Path, packs: Sequence[Path]) -> None:
    with publisher.repository.change(publisher.open_keys()) as change:
        delegate(change, "acme", ["pumps"])
        change.finish()
    publisher.add(packs[0], role="acme")
    export(publisher.repository, stick, ["pumps"])
    assert make_device(publisher, stick).get(PUMPS) == packs[0].read_bytes()


def test_a_damaged_file_is_copied_anew(publisher: Any, stick: Path, packs: Sequence[Path]) -> None:
    added, _ = publisher.add(packs[0])
    export(publisher.repository, stick)
    (stick / "targets" / added.target.file).write_bytes(b"?")
    export(publisher.repository, stick)
    assert make_device(publisher, stick).get(PUMPS) == packs[0].read_bytes()


def test_a_file_that_is_not_what_was_signed_does_not_leave(
    publisher: Any, stick: Path, packs: Sequence[Path]
) -> None:
    added, _ = publisher.add(packs[0])
    file = publisher.folder / "targets" / added.target.file
    file.write_bytes(b"?" + packs[0].read_bytes()[1:])
    with pytest.raises(TrustError, match="not what was signed"):
        export(publisher.repository, stick)
    assert list_names(stick) == set()
    file.unlink()
    with pytest.raises(NotFoundError, match="missing"):
        export(publisher.repository, stick)


def test_other_things_on_the_stick_stay(publisher: Any, stick: Path, packs: Sequence[Path]) -> None:
    for name in ("photo.jpg", "targets/letter.txt", "metadata/notes.txt"):
        (stick / name).parent.mkdir(parents=True, exist_ok=True)
        (stick / name).write_text("mine")
    publisher.add(packs[0])
    export(publisher.repository, stick)
    assert {"photo.jpg", "targets/letter.txt", "metadata/notes.txt"} < list_names(stick)


def test_a_stick_is_no_part_of_the_repository(publisher: Any) -> None:
    for folder in (publisher.folder, publisher.folder / "usb", publisher.home):
        with pytest.raises(UsageError, match="lie in each other"):
            export(publisher.repository, folder)


def test_a_stick_that_is_too_small_is_told_before_anything_is_copied(
    publisher: Any, stick: Path, packs: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.add(packs[0])

    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    with pytest.raises(StorageError, match="are free") as error:
        export(publisher.repository, stick)
    assert "--packs" in error.value.hint
    assert list_names(stick) == set()


def test_pulled_out_at_any_step_the_stick_holds_the_old_or_the_new(
    publisher: Any, stick: Path, packs: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.add(packs[0])
    export(publisher.repository, stick)
    publisher.add(packs[1])
    device, seen, countdown, done = make_device(publisher, stick), set(), 0, False
    replace, unlink = os.replace, Path.unlink
    while not done:
        left = countdown

        def step() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", lambda *args: (step(), replace(*args)))
            patch.setattr(Path, "unlink", lambda *args, **options: (step(), unlink(*args, **options)))
            try:
                export(publisher.repository, stick)
                done = True
            except StorageError:
                countdown += 1
        seen.add(device.get(PUMPS))
        assert None not in seen
    assert countdown > 3
    assert seen <= {pack.read_bytes() for pack in packs[:2]}
    assert device.get(PUMPS) == packs[1].read_bytes()
