from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ForbiddenError, ModelError, NotFoundError, PackError, StorageError, UsageError
from edge.publish.content import prune
from edge.publish.delegation import delegate
from edge.sync import delta
from edge.sync.targets import Target, make_delta_path

Settings = Callable[..., Path]
BuildPack = Callable[..., Path]
PUMPS = "packs/pumps.kpack"


def hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe(publisher: Any, path: str) -> Target:
    info = publisher.make_device().refresh().get_targetinfo(path)
    target = Target.from_target_file(info)
    assert target is not None
    return target


def make_gguf(path: Path, **metadata: str) -> Path:
    """Make the smallest file that llama.cpp's format allows, with these strings."""
    body = b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata))
    for key, value in metadata.items():
        name, data = key.replace("_", ".").encode(), value.encode()
        body += struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(data)) + data
    path.write_bytes(body + bytes(-len(body) % 32))
    return path


def make_delegate(publisher: Any, role: str, *paths: str) -> None:
    """Make a delegate whose key lies in a folder of its own."""
    with publisher.repository.change(publisher.open_keys()) as change:
        delegate(change, role, paths)
        assert change.finish().missing == ()
    publisher.lock_away(role, role)


# Packs


def test_a_device_gets_the_pack_as_it_was_built(publisher: Any, packs: Sequence[Path]) -> None:
    added, outcome = publisher.add(packs[0])
    assert added.changed
    assert outcome.missing == ()
    assert publisher.make_device().get(PUMPS) == packs[0].read_bytes()
    target = describe(publisher, PUMPS)
    assert target == added.target
    assert (target.kind, target.name, target.version, target.title) == (
        "pack",
        "pumps",
        "1.0",
        "The pumps manuals",
    )
    assert (publisher.folder / "targets" / target.file).is_file()


def test_a_new_version_replaces_the_older_one_and_a_delta_leads_to_it(
    publisher: Any, packs: Sequence[Path], tmp_path: Path
) -> None:
    publisher.add(packs[0])
    added, _ = publisher.add(packs[1])
    assert (added.replaced, len(added.deltas)) == ("1.0", 1)
    device = publisher.make_device()
    assert device.get(PUMPS) == packs[1].read_bytes()
    path = make_delta_path("pumps", hash_file(packs[0]), hash_file(packs[1]))
    update = device.get(path)
    assert update is not None
    assert len(update) == added.deltas[0] < packs[1].stat().st_size / 2
    (tmp_path / "delta").write_bytes(update)
    delta.apply(packs[0], tmp_path / "delta", tmp_path / "new", packs[1].stat().st_size)
    assert (tmp_path / "new").read_bytes() == packs[1].read_bytes()


def test_deltas_lead_from_versions_before_too(publisher: Any, packs: Sequence[Path]) -> None:
    for pack in packs:
        publisher.add(pack)
    target = describe(publisher, make_delta_path("pumps", hash_file(packs[0]), hash_file(packs[2])))
    assert (target.delta_from, target.delta_to) == (hash_file(packs[0]), hash_file(packs[2]))
    assert describe(publisher, make_delta_path("pumps", hash_file(packs[1]), hash_file(packs[2])))
    assert (
        publisher.make_device().get(make_delta_path("pumps", hash_file(packs[0]), hash_file(packs[1])))
        is None
    )


def test_no_delta_starts_from_a_file_that_was_damaged(publisher: Any, packs: Sequence[Path]) -> None:
    added, _ = publisher.add(packs[0])
    old = publisher.folder / "targets" / added.target.file
    old.write_bytes(b"?" + old.read_bytes()[1:])
    added, _ = publisher.add(packs[1])
    assert added.deltas == ()
    assert publisher.make_device().get(PUMPS) == packs[1].read_bytes()


def test_a_delta_that_saves_little_is_not_published(
    publisher: Any, packs: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.publish.content.WORTH_IT", 0.0)
    publisher.add(packs[0])
    assert publisher.add(packs[1])[0].deltas == ()


def test_adding_twice_changes_nothing(publisher: Any, packs: Sequence[Path]) -> None:
    publisher.add(packs[0])
    again, outcome = publisher.add(packs[0])
    assert not again.changed
    assert (outcome.released, outcome.missing) == ((), ())


def test_adding_again_mends_a_file_that_was_lost(publisher: Any, packs: Sequence[Path]) -> None:
    added, _ = publisher.add(packs[0])
    (publisher.folder / "targets" / added.target.file).unlink()
    publisher.add(packs[0])
    assert publisher.make_device().get(PUMPS) == packs[0].read_bytes()


def test_devices_do_not_go_back_so_a_lower_version_is_refused(publisher: Any, packs: Sequence[Path]) -> None:
    publisher.add(packs[1])
    with pytest.raises(UsageError, match=r"pumps 1\.1 is published; 1\.0 is lower") as error:
        publisher.add(packs[0])
    assert "higher version" in error.value.hint
    assert publisher.make_device().get(PUMPS) == packs[1].read_bytes()


def test_one_version_has_one_contents(publisher: Any, packs: Sequence[Path], build_pack: BuildPack) -> None:
    publisher.add(packs[0])
    with pytest.raises(UsageError, match=r"pumps 1\.0 is published with other contents"):
        publisher.add(build_pack({"a.md": "# A\n\nOther contents of the same version.\n"}, version="1.0.0"))


def test_a_lower_version_is_refused_also_while_the_higher_waits(
    publisher: Any, packs: Sequence[Path]
) -> None:
    publisher.lock_away("targets", "away")
    publisher.add(packs[1])
    with pytest.raises(UsageError, match="is lower"):
        publisher.add(packs[0])


def test_a_damaged_pack_is_not_published(publisher: Any, packs: Sequence[Path], tmp_path: Path) -> None:
    damaged = tmp_path / "pumps.kpack"
    damaged.write_bytes(b"?" + packs[0].read_bytes()[1:])
    with pytest.raises(PackError, match="damaged"):
        publisher.add(damaged)
    assert not list((publisher.folder / "targets").rglob("*.kpack"))
    assert not list((publisher.folder / ".pending").iterdir())


def test_several_files_are_one_release(
    publisher: Any, packs: Sequence[Path], settings_file: Settings
) -> None:
    from edge.publish.content import add

    with publisher.repository.change(publisher.open_keys()) as change:
        for source in (packs[0], settings_file()):
            add(change, source)
        change.finish()
    assert publisher.make_device().read_versions()["targets"] == 2
    assert publisher.make_device().get(PUMPS)


def test_a_full_disk_is_noticed_first(
    publisher: Any, packs: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: os.terminal_size((0, 0)) and _Usage(1000))
    with pytest.raises(StorageError, match="are free"):
        publisher.add(packs[0])
    assert not (publisher.folder / "targets" / "packs").exists()


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_prune_deletes_what_is_published_no_more(publisher: Any, packs: Sequence[Path]) -> None:
    for pack in packs[:2]:
        publisher.add(pack)
    publisher.lock_away("targets", "away")
    publisher.add(packs[2])  # waits for a signature: its files stay
    with publisher.repository.change(publisher.open_keys()) as change:
        freed = prune(change)
    assert freed == packs[0].stat().st_size
    left = {path.name.partition(".")[0] for path in (publisher.folder / "targets").rglob("*.kpack")}
    assert left == {hash_file(packs[1]), hash_file(packs[2])}
    publisher.repository.sign(publisher.open_keys("keys", "away"))
    assert publisher.make_device().get(PUMPS) == packs[2].read_bytes()


# Models and settings


def test_models_and_loras_are_told_apart(publisher: Any, tmp_path: Path) -> None:
    model = make_gguf(tmp_path / "Small-1B.Q4_0.gguf", general_architecture="llama")
    lora = make_gguf(tmp_path / "tone.gguf", general_type="adapter")
    publisher.add(model)
    publisher.add(lora)
    assert describe(publisher, "models/Small-1B.Q4_0.gguf").kind == "model"
    assert describe(publisher, "models/tone.gguf").kind == "lora"
    assert publisher.make_device().get("models/tone.gguf") == lora.read_bytes()


def test_settings_of_the_fleet_have_one_place(publisher: Any, settings_file: Settings) -> None:
    publisher.add(settings_file(name="north.toml"))
    assert describe(publisher, "policy/config.toml").kind == "policy"


def test_settings_that_devices_would_not_take_are_refused(publisher: Any, settings_file: Settings) -> None:
    with pytest.raises(UsageError, match="nobody but their owner set host, token") as error:
        publisher.add(settings_file('host = "0.0.0.0"\ntoken = "x"\npassages = 4\n'))
    assert "passages" in error.value.hint
    with pytest.raises(UsageError, match="passages"):
        publisher.add(settings_file('passages = "many"\n'))


def test_what_is_not_what_it_seems_is_refused(
    publisher: Any, settings_file: Settings, tmp_path: Path
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGML")
    (tmp_path / "notes.txt").write_text("x")
    bad_name = make_gguf(tmp_path / "my model.gguf")
    for path, error in (
        (tmp_path / "model.gguf", ModelError),
        (bad_name, UsageError),
        (settings_file("= nonsense"), UsageError),
        (tmp_path / "notes.txt", UsageError),
        (tmp_path / "none.kpack", NotFoundError),
        (tmp_path, NotFoundError),
    ):
        with pytest.raises(error):
            publisher.add(path)
    assert publisher.make_device().read_versions()["targets"] == 1


# Delegates


def test_a_delegate_publishes_without_the_key_of_targets(
    publisher: Any, packs: Sequence[Path], build_pack: BuildPack
) -> None:
    make_delegate(publisher, "acme", "pumps*")
    publisher.lock_away("targets", "away")
    publisher.add(packs[0], "acme", "keys")
    added, outcome = publisher.add(packs[1], "acme", "keys")
    assert [one.role for one in outcome.released] == ["acme", "snapshot", "timestamp"]
    assert len(added.deltas) == 1
    assert publisher.make_device().get(PUMPS) == packs[1].read_bytes()
    assert publisher.make_device().get(make_delta_path("pumps", hash_file(packs[0]), hash_file(packs[1])))


def test_outside_its_paths_a_delegate_is_refused_before_it_signs(
    publisher: Any, packs: Sequence[Path], settings_file: Settings
) -> None:
    make_delegate(publisher, "acme", "valves-*")
    publisher.lock_away("targets", "away")
    for source in (packs[0], settings_file()):
        with pytest.raises(ForbiddenError, match=r"acme may not publish .* packs/valves-\*\.kpack"):
            publisher.add(source, "acme", "keys")
    with pytest.raises(ForbiddenError):
        publisher.add(packs[0], "acme", "keys", "away", role="acme")


def test_a_name_that_is_taken_by_who_comes_first_is_refused(publisher: Any, packs: Sequence[Path]) -> None:
    make_delegate(publisher, "acme", "pumps")
    make_delegate(publisher, "bolt", "*")
    with pytest.raises(ForbiddenError, match="for acme to publish"):
        publisher.add(packs[0], "bolt", "keys", role="bolt")
    publisher.add(packs[0])
    with pytest.raises(ForbiddenError, match="published by targets itself"):
        publisher.add(packs[1], "acme", "keys", role="acme")


def test_an_unknown_role_is_refused(publisher: Any, packs: Sequence[Path]) -> None:
    with pytest.raises(NotFoundError, match="no role 'acme'"):
        publisher.add(packs[0], role="acme")
