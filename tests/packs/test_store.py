from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge import files
from edge.config import Settings
from edge.errors import (
    BusyError,
    EdgeError,
    NotFoundError,
    PackError,
    StorageError,
    TrustError,
    UsageError,
)
from edge.packs.store import PackStore
from edge.packs.verify import verify
from tests.faults import fail, kill_at_every_step, limit_file_size

MakePack = Callable[..., Path]


def state(store: PackStore) -> set[str]:
    """Return every file under the store but the lock, to see that nothing changed."""
    found = (path for path in store.folder.rglob("*") if path.name != ".lock")
    return {str(path.relative_to(store.folder)) for path in found}


def test_an_installed_pack_is_listed_and_opens(store: PackStore, make_pack: MakePack) -> None:
    installation = store.install(make_pack(), allow_unsigned=True)
    assert installation.changed
    assert installation.replaced is None
    (pack,) = store.list()
    assert pack == installation.pack == store.get("pumps")
    assert (pack.name, pack.version, pack.title, pack.signed) == ("pumps", "1.0", "The pumps manual", False)
    assert pack.path.name == f"1.0-{pack.digest[:12]}.kpack"
    with store.open("pumps") as opened:
        assert opened.get_chunk(1).text == "Never start the pump dry."
        assert not opened.signed


def test_the_source_may_go_away_afterwards(store: PackStore, make_pack: MakePack) -> None:
    path = make_pack()
    store.install(path, allow_unsigned=True)
    path.unlink()
    assert verify(store.get("pumps").path)


def test_nothing_installed_is_an_empty_list(store: PackStore) -> None:
    assert store.list() == store.find_problems() == ()
    assert store.open_all() == []
    assert not store.folder.exists()


def test_an_unsigned_pack_needs_consent(store: PackStore, make_pack: MakePack) -> None:
    with pytest.raises(TrustError) as error:
        store.install(make_pack())
    assert "--unsigned" in error.value.hint
    assert store.list() == ()


def test_a_signed_pack_must_be_what_was_signed(store: PackStore, make_pack: MakePack) -> None:
    path = make_pack()
    with pytest.raises(TrustError, match="not what was signed"):
        store.install(path, signed_sha256="0" * 64)
    assert store.list() == ()
    assert store.install(path, signed_sha256=verify(path).file).pack.signed


def test_installing_the_same_again_changes_nothing(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    before = state(store)
    again = store.install(make_pack(), allow_unsigned=True)
    assert not again.changed
    assert again.pack == store.get("pumps")
    assert state(store) == before


def test_a_signature_can_be_added_but_not_lost(store: PackStore, make_pack: MakePack) -> None:
    path = make_pack()
    store.install(path, allow_unsigned=True)
    assert store.install(path, signed_sha256=verify(path).file).changed
    assert not store.install(path, allow_unsigned=True).changed
    assert store.get("pumps").signed
    assert store.get("pumps").previous is None


def test_one_previous_version_is_kept(store: PackStore, make_pack: MakePack) -> None:
    for version in ("1.0", "1.1", "1.2"):
        installation = store.install(make_pack(version=version), allow_unsigned=True)
    assert (installation.pack.version, installation.pack.previous, installation.replaced) == (
        "1.2",
        "1.1",
        "1.1",
    )
    assert sorted(path.name[:3] for path in (store.folder / "pumps").glob("*.kpack")) == ["1.1", "1.2"]


def test_rollback_goes_back_and_forth(store: PackStore, make_pack: MakePack) -> None:
    path = make_pack()
    store.install(path, signed_sha256=verify(path).file)
    store.install(make_pack(version="2.0"), allow_unsigned=True)
    back = store.rollback("pumps").pack
    assert (back.version, back.previous, back.signed) == ("1.0", "2.0", True)
    forth = store.rollback("pumps").pack
    assert (forth.version, forth.previous, forth.signed) == ("2.0", "1.0", False)


def test_rollback_needs_a_previous_version(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    for name in ("pumps", "none", "../pumps"):
        with pytest.raises(NotFoundError):
            store.rollback(name)


def test_a_damaged_previous_version_does_not_come_back(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    store.install(make_pack(version="2.0"), allow_unsigned=True)
    (previous,) = store.folder.glob("pumps/1.0-*")
    previous.write_bytes(previous.read_bytes()[:-1] + b"?")
    with pytest.raises(PackError):
        store.rollback("pumps")
    assert store.get("pumps").version == "2.0"


def test_a_lower_version_needs_consent(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(version="1.10"), allow_unsigned=True)
    with pytest.raises(UsageError, match=r"1\.9 is older") as error:
        store.install(make_pack(version="1.9"), allow_unsigned=True)
    assert "rollback" in error.value.hint
    assert store.get("pumps").version == "1.10"
    assert store.install(make_pack(version="1.9"), allow_unsigned=True, allow_downgrade=True).changed
    assert store.get("pumps").version == "1.9"


def test_a_removed_pack_is_gone_with_its_files(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    store.install(make_pack("valves"), allow_unsigned=True)
    store.remove("pumps")
    assert [pack.name for pack in store.list()] == ["valves"]
    assert not (store.folder / "pumps").exists()
    for name in ("pumps", "..", ".", "valves/..", ".lock"):
        with pytest.raises(NotFoundError):
            store.remove(name)


def test_a_pack_in_use_survives_its_removal(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    with store.open("pumps") as pack:
        store.remove("pumps")
        assert pack.get_chunk(5).text == "Open the bypass valve slowly."


def test_packs_are_opened_by_name(store: PackStore, make_pack: MakePack) -> None:
    for name in ("valves", "pumps", "motors"):
        store.install(make_pack(name), allow_unsigned=True)
    assert [pack.manifest.name for pack in store.open_all()] == ["motors", "pumps", "valves"]
    assert [pack.manifest.name for pack in store.open_all(["valves", "motors"])] == ["valves", "motors"]
    with pytest.raises(NotFoundError, match="'drives'"):
        store.open_all(["pumps", "drives"])


# Damage


@pytest.mark.parametrize(
    "pointer",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"active": null, "previous": null}',
        b'{"active": {"file": "../../x.kpack", "signed": true}, "previous": null}',
        b'{"active": {"file": "1.0-000000000000.kpack", "signed": true}, "previous": null}',
        b'{"active": {"file": "-.-000000000000.kpack", "signed": true}, "previous": null}',
        b'{"active": {"file": "1.0-000000000000.kpack", "signed": 1}, "previous": null}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_pointer_stops_only_its_own_pack(
    store: PackStore, make_pack: MakePack, pointer: bytes
) -> None:
    store.install(make_pack(), allow_unsigned=True)
    store.install(make_pack("valves"), allow_unsigned=True)
    (store.folder / "pumps" / "active.json").write_bytes(pointer)
    assert [pack.name for pack in store.list()] == ["valves"]
    assert [pack.manifest.name for pack in store.open_all()] == ["valves"]
    (problem,) = store.find_problems()
    assert problem.name == "pumps"
    assert "Install" in problem.error.hint
    with pytest.raises(PackError):
        store.open_all(["pumps"])
    store.install(make_pack("drives"), allow_unsigned=True)
    assert list((store.folder / "pumps").glob("*.kpack"))  # what might be saved is not cleared away
    store.install(make_pack(), allow_unsigned=True)
    assert store.find_problems() == ()


def test_a_missing_or_cut_file_stops_only_its_own_pack(store: PackStore, make_pack: MakePack) -> None:
    for name in ("drives", "pumps", "valves"):
        store.install(make_pack(name), allow_unsigned=True)
    store.get("drives").path.unlink()
    pumps = store.get("pumps").path
    os.truncate(pumps, pumps.stat().st_size // 2)
    assert [pack.name for pack in store.list()] == ["valves"]
    assert [problem.name for problem in store.find_problems()] == ["drives", "pumps"]


def test_installing_again_repairs(store: PackStore, make_pack: MakePack) -> None:
    path = make_pack()
    store.install(path, allow_unsigned=True)
    installed = store.get("pumps").path
    for damage in (
        lambda: installed.unlink(),
        lambda: installed.write_bytes(b"?" * installed.stat().st_size),
    ):
        damage()
        repair = store.install(path, allow_unsigned=True)
        assert (repair.changed, repair.replaced) == (True, None)
        assert verify(installed)
    assert store.get("pumps").previous is None


def test_a_file_under_another_name_is_not_served(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    shutil.copytree(store.folder / "pumps", store.folder / "valves")
    assert [problem.name for problem in store.find_problems()] == ["valves"]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: b"?" + data[1:]])
def test_a_damaged_file_is_not_installed(
    store: PackStore, make_pack: MakePack, damage: Callable[[bytes], bytes]
) -> None:
    store.install(make_pack(), allow_unsigned=True)
    before = state(store)
    newer = make_pack(version="2.0")
    newer.write_bytes(damage(newer.read_bytes()))
    with pytest.raises(PackError, match=newer.name):
        store.install(newer, allow_unsigned=True)
    assert state(store) == before


def test_what_is_not_there_or_no_file_is_not_installed(store: PackStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        store.install(tmp_path / "none.kpack", allow_unsigned=True)
    with pytest.raises(PackError):
        store.install(tmp_path, allow_unsigned=True)


# Disks


def test_space_is_checked_before_copying(
    store: PackStore, make_pack: MakePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1 << 30, 1 << 30, 1 << 20)
    )
    with pytest.raises(StorageError, match=r"needs 67\.\d MB, and 1\.\d MB are free"):
        store.install(make_pack(), allow_unsigned=True)
    assert state(store) == set()


def test_a_write_that_fails_half_way_leaves_the_old_version(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    before = state(store)
    newer = make_pack(version="2.0")
    with limit_file_size(100_000), pytest.raises(StorageError):
        store.install(newer, allow_unsigned=True)
    assert state(store) == before
    assert store.get("pumps").version == "1.0"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir"])
def test_every_failing_call_is_a_clear_error_and_the_store_stays_whole(
    store: PackStore, make_pack: MakePack, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """The n-th call of its kind fails, for every n until an installation gets through."""
    store.install(make_pack(), allow_unsigned=True)
    newer = make_pack(version="2.0")
    for number in range(50):
        with monkeypatch.context() as patch, suppress(StorageError):
            fail(patch, call, code, number)
            installation = store.install(newer, allow_unsigned=True)
            break
        assert store.find_problems() == ()
        with store.open("pumps") as pack:
            assert pack.version in {"1.0", "2.0"}
            verify(pack.path)
    assert installation.pack.version == "2.0"
    assert not list(store.folder.glob(".staging-*"))


def test_the_errors_of_the_system_say_what_to_do(tmp_path: Path) -> None:
    told = {}
    for code in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO):
        with pytest.raises(StorageError) as error, files.translate_os_errors(tmp_path):
            raise OSError(code, os.strerror(code))
        told[code] = error.value
    assert "full" in told[errno.ENOSPC].message
    assert "EDGE_HOME" in told[errno.EROFS].hint
    assert "permissions" in told[errno.EACCES].hint
    assert "disk" in told[errno.EIO].hint


def test_reading_needs_no_write_access(
    store: PackStore, make_pack: MakePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that could write is refused, as on a read-only medium (permissions do not bind root)."""
    store.install(make_pack(), allow_unsigned=True)
    before = {path: path.stat().st_mtime_ns for path in (store.folder, *store.folder.rglob("*"))}

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "replace", "rename", "unlink", "fsync"):
        monkeypatch.setattr(os, name, refuse)
    with store.open_all()[0] as pack:
        assert pack.query("SELECT rowid FROM keyword WHERE keyword MATCH 'torque'") == [(4,)]
    assert store.list()[0].name == "pumps"
    assert {path: path.stat().st_mtime_ns for path in (store.folder, *store.folder.rglob("*"))} == before


# Crashes and company


def test_left_overs_of_a_crash_are_cleared_by_the_next_change(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    expected = state(store)
    (store.folder / ".staging-dead").mkdir()
    (store.folder / ".staging-dead" / "pack.kpack").write_bytes(b"half")
    (store.folder / ".trash-dead").mkdir()
    (store.folder / "valves").mkdir()
    (store.folder / "valves" / "1.0-000000000000.kpack").write_bytes(b"installed, but never put in use")
    (store.folder / "pumps" / "9.0-000000000000.kpack").write_bytes(b"installed, but never put in use")
    assert [pack.name for pack in store.list()] == ["pumps"]
    store.install(make_pack(), allow_unsigned=True)
    assert state(store) == expected


def test_one_process_at_a_time_changes_the_packs(
    store: PackStore, make_pack: MakePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.0)
    store.install(make_pack(), allow_unsigned=True)
    with files.hold_lock(store.folder / ".lock", "testing"):
        for change in (
            lambda: store.install(make_pack(version="2.0"), allow_unsigned=True),
            lambda: store.remove("pumps"),
            lambda: store.rollback("pumps"),
        ):
            with pytest.raises(BusyError):
                change()
        assert store.get("pumps").version == "1.0"  # reading is not held up


def _install(home: Path, pack: Path, start: Any) -> None:
    start.wait()
    PackStore(Settings(home=home)).install(pack, allow_unsigned=True, allow_downgrade=True)


def test_two_processes_install_at_once(tmp_path: Path, make_pack: MakePack) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    packs = [make_pack(version="1.0"), make_pack(version="2.0")]
    workers = [context.Process(target=_install, args=(tmp_path / "home", pack, start)) for pack in packs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    pack = PackStore(Settings(home=tmp_path / "home")).get("pumps")
    assert {pack.version, pack.previous} == {"1.0", "2.0"}
    verify(pack.path)


def _install_newer(home: Path) -> None:
    PackStore(Settings(home=home)).install(home.parent / "pumps-2.0.kpack", allow_unsigned=True)


def test_kill_at_every_step_leaves_one_of_the_two_versions(
    store: PackStore, make_pack: MakePack, tmp_path: Path
) -> None:
    """Killed before the n-th file-system call, for every n: a version answers, and the next change works."""
    store.install(make_pack(), allow_unsigned=True)
    newer = make_pack(version="2.0")
    seen = []
    for home in kill_at_every_step(tmp_path / "home", _install_newer):
        survivor = PackStore(Settings(home=home))
        with survivor.open("pumps") as pack:
            verify(pack.path)
            seen.append(pack.version)
        assert survivor.find_problems() == ()
        survivor.install(newer, allow_unsigned=True)
        assert (survivor.get("pumps").version, survivor.get("pumps").previous) == ("2.0", "1.0")
        assert sorted(path.name for path in survivor.folder.iterdir()) == [".lock", "pumps"]
    assert len(seen) > 20
    assert set(seen) == {"1.0", "2.0"}


def test_the_pointer_is_readable_by_others(store: PackStore, make_pack: MakePack) -> None:
    store.install(make_pack(), allow_unsigned=True)
    store.install(make_pack(version="2.0"), allow_unsigned=True)
    pointer = json.loads((store.folder / "pumps" / "active.json").read_bytes())
    assert pointer["active"]["file"].startswith("2.0-")
    assert pointer["previous"]["file"].startswith("1.0-")


def test_every_error_of_the_store_is_ours() -> None:
    assert all(
        issubclass(e, EdgeError) for e in (BusyError, NotFoundError, StorageError, TrustError, UsageError)
    )
