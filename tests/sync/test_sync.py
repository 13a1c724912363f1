from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from edge import files
from edge.config import POLICY, Settings, load_settings
from edge.errors import (
    BusyError,
    CarrierError,
    ModelError,
    NotFoundError,
    PackError,
    StorageError,
    TrustError,
    UsageError,
)
from edge.models.integrity import read_record
from edge.models.store import ModelStore
from edge.packs.store import PackStore
from edge.packs.verify import verify
from edge.sync.carriers.folder import FolderCarrier
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.delta import make
from edge.sync.report import Outcome, Report, State
from edge.sync.sync import sync
from edge.sync.targets import make_delta_path
from tests.engine import rank_model
from tests.faults import fail, kill_at_every_step
from tests.packs.conftest import TEXTS
from tests.sync import mirror as ways
from tests.sync.conftest import Device, Road
from tests.sync.mirror import Mirror, serve
from tests.sync.repository import DAY, DELEGATE, T0, Repository

MakePack = Callable[..., Path]
PUMPS = "packs/pumps.kpack"
TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
NEWER = {**TEXTS, "valves.md": (*TEXTS["valves.md"], "Close it slowly too.")}


@pytest.fixture
def mirror(repository: Repository) -> Iterator[Mirror]:
    with serve(repository.folder) as served:
        yield served


@pytest.fixture
def stick(repository: Repository) -> FolderCarrier:
    return FolderCarrier(repository.folder)


def find_outcome(report: Report, path: str = PUMPS) -> Outcome:
    (outcome,) = [outcome for outcome in report.outcomes if outcome.path == path]
    return outcome


def list_states(report: Report) -> dict[str, State]:
    return {outcome.path: outcome.state for outcome in report.outcomes}


def list_staged(device: Device) -> list[str]:
    return [path.name for path in (device.settings.sync_dir / "staging").rglob("*") if path.is_file()]


def add_delta(
    repository: Repository, old: Path, new: Path, data: bytes | None = None, name: str = "pumps"
) -> str:
    """Publish what leads from one file to the other, or something else under its name."""
    was, becomes = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (old, new))
    if data is None:
        made = new.with_suffix(".kdelta")
        make(old, new, made)
        data = made.read_bytes()
    custom = {"kind": "delta", "name": name, "from": was, "to": becomes}
    path = make_delta_path(name, was, becomes)
    repository.add(path, data, custom)
    return path


# The good days


def test_what_is_published_is_installed_and_signed(
    device: Device, road: Road, repository: Repository, make_pack: MakePack
) -> None:
    packs = [make_pack(), make_pack("valves", "0.9")]
    for pack in packs:
        repository.add_pack(pack)
    report = device.sync(road(repository))
    assert report.error is None
    assert list_states(report) == {PUMPS: State.CHANGED, "packs/valves.kpack": State.CHANGED}
    assert device.packs == {"pumps": "1.0", "valves": "0.9"}
    assert all(pack.signed for pack in PackStore(device.settings).list())
    assert report.moved == sum(pack.stat().st_size for pack in packs)
    assert list_staged(device) == []


def test_a_second_time_nothing_moves(
    device: Device, road: Road, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    device.sync(road(repository))
    report = device.sync(road(repository))
    assert (find_outcome(report).state, report.moved, report.error) == (State.UNCHANGED, 0, None)


def test_the_version_before_stays_for_rollback(
    device: Device, road: Road, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    device.sync(road(repository))
    repository.add_pack(make_pack(version="2.0"))
    assert find_outcome(device.sync(road(repository))).replaced == "1.0"
    assert PackStore(device.settings).rollback("pumps").pack.version == "1.0"


def test_only_wanted_packs_come(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack
) -> None:
    for name in ("pumps", "valves", "motors"):
        repository.add_pack(make_pack(name))
    device.settings = Settings(home=device.settings.home, sync_packs="pump*, motors")
    assert set(list_states(device.sync(stick))) == {PUMPS, "packs/motors.kpack"}
    assert device.packs == {"pumps": "1.0", "motors": "1.0"}


def test_what_is_newer_here_is_left_alone(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack
) -> None:
    PackStore(device.settings).install(make_pack(version="3.0"), allow_unsigned=True)
    repository.add_pack(make_pack())
    report = device.sync(stick)
    assert (find_outcome(report).state, report.moved, report.error) == (State.NEWER, 0, None)
    assert device.packs == {"pumps": "3.0"}


def test_a_pack_installed_unsigned_gets_its_signature_for_nothing(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack
) -> None:
    pack = make_pack()
    PackStore(device.settings).install(pack, allow_unsigned=True)
    repository.add_pack(pack)
    report = device.sync(stick)
    assert (find_outcome(report).state, report.moved) == (State.CHANGED, 0)
    assert PackStore(device.settings).get("pumps").signed


def test_a_damaged_pack_is_replaced(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    device.sync(stick)
    PackStore(device.settings).get("pumps").path.write_bytes(b"?")
    assert find_outcome(device.sync(stick)).state is State.CHANGED
    assert verify(PackStore(device.settings).get("pumps").path)


def test_kinds_of_another_time_are_passed_over(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    repository.add("future/thing.bin", b"?", {"kind": "hologram"})
    report = device.sync(stick)
    assert (report.error, report.outcomes) == (None, ())


def test_an_entry_that_cannot_be_used_stops_only_itself(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    repository.add("packs/valves.kpack", b"?", {"kind": "pack", "name": "pumps"})
    report = device.sync(stick)
    assert isinstance(find_outcome(report, "packs/valves.kpack").error, TrustError)
    assert device.packs == {"pumps": "1.0"}


def test_a_signed_file_that_is_no_pack_is_refused(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    custom = {"kind": "pack", "name": "pumps", "version": "1.0", "title": "T", "database": "0" * 64}
    repository.add(PUMPS, b"not a pack", custom)
    error = find_outcome(device.sync(stick)).error
    assert type(error) is PackError
    assert device.packs == {}


# Deltas


def test_a_delta_is_taken_where_one_leads_from_what_is_installed(
    device: Device, road: Road, repository: Repository, make_pack: MakePack
) -> None:
    old, new = make_pack(), make_pack(version="2.0", texts=NEWER)
    repository.add_pack(old)
    device.sync(road(repository))
    repository.add_pack(new)
    path = add_delta(repository, old, new)
    report = device.sync(road(repository))
    outcome = find_outcome(report)
    assert (outcome.state, outcome.by_delta, outcome.delta_error) == (State.CHANGED, True, None)
    assert report.moved == repository.locate_payload(path).stat().st_size < new.stat().st_size
    installed = PackStore(device.settings).get("pumps")
    assert installed.signed
    assert installed.path.read_bytes() == new.read_bytes()
    assert list_staged(device) == []


@pytest.mark.parametrize("what", ["garbage", "tampered", "missing", "of another file", "makes another file"])
def test_a_delta_that_fails_is_replaced_by_the_whole(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack, what: str
) -> None:
    old, new = make_pack(), make_pack(version="2.0", texts=NEWER)
    repository.add_pack(old)
    device.sync(stick)
    repository.add_pack(new)
    if what == "makes another file":
        made = new.with_suffix(".other")
        make(old, make_pack(version="3.0"), made)
        path = add_delta(repository, old, new, made.read_bytes())
    else:
        path = add_delta(repository, old, new, b"garbage" if what == "garbage" else None)
    if what == "tampered":
        repository.locate_payload(path).write_bytes(bytes(repository.locate_payload(path).stat().st_size))
    elif what == "missing":
        repository.locate_payload(path).unlink()
    elif what == "of another file":
        PackStore(device.settings).install(
            make_pack(texts={"other.md": ("Another build.",)}), allow_unsigned=True
        )
    outcome = find_outcome(device.sync(stick))
    assert (outcome.state, outcome.by_delta) == (State.CHANGED, False)
    assert (outcome.delta_error is None) == (what == "of another file")
    assert PackStore(device.settings).get("pumps").path.read_bytes() == new.read_bytes()
    assert list_staged(device) == []


# Several sources


def test_the_next_source_is_tried_and_the_failing_one_named(
    device: Device, stick: FolderCarrier, mirror: Mirror, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    mirror.ways["timestamp"] = ways.make_status(503)
    report = device.sync(HttpsCarrier(mirror.address, device.settings), stick)
    assert isinstance(report.visits[0].error, CarrierError)
    assert (report.visits[1].error, report.error) == (None, None)
    assert device.packs == {"pumps": "1.0"}


def test_no_second_source_is_asked_when_the_first_has_it_all(
    device: Device, stick: FolderCarrier, mirror: Mirror, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    report = device.sync(stick, HttpsCarrier(mirror.address, device.settings))
    assert len(report.visits) == 1
    assert mirror.asked == []


def test_a_stick_may_hold_some_packs_and_a_mirror_the_rest(
    device: Device, mirror: Mirror, repository: Repository, make_pack: MakePack, tmp_path: Path
) -> None:
    for name in ("pumps", "valves"):
        repository.add_pack(make_pack(name))
    some = repository.copy(tmp_path / "stick")
    some.locate_payload(PUMPS).unlink()
    stick = FolderCarrier(some.folder)
    report = device.sync(stick)
    assert list_states(report) == {PUMPS: State.ABSENT, "packs/valves.kpack": State.CHANGED}
    assert report.error is None
    report = device.sync(stick, HttpsCarrier(mirror.address, device.settings))
    assert list_states(report) == {PUMPS: State.CHANGED, "packs/valves.kpack": State.UNCHANGED}
    assert report.error is None


def test_a_mirror_that_lacks_a_pack_is_at_fault(
    device: Device, mirror: Mirror, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    repository.locate_payload(PUMPS).unlink()
    report = device.sync(HttpsCarrier(mirror.address, device.settings))
    assert isinstance(find_outcome(report).error, NotFoundError)
    assert report.error is find_outcome(report).error


def test_a_lying_mirror_is_passed_over(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack, tmp_path: Path
) -> None:
    repository.add_pack(make_pack())
    liar = repository.copy(tmp_path / "liar")
    liar.locate_payload(PUMPS).write_bytes(bytes(liar.locate_payload(PUMPS).stat().st_size))
    report = device.sync(FolderCarrier(liar.folder), stick)
    assert (find_outcome(report).state, report.error) == (State.CHANGED, None)
    assert find_outcome(report).source == stick.name


def test_a_list_that_one_source_spoils_is_taken_from_the_next(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack, tmp_path: Path
) -> None:
    repository.add_pack(make_pack("acme-valves"), DELEGATE)
    spoilt = repository.copy(tmp_path / "spoilt")
    spoilt.locate_metadata("2.acme.json").write_bytes(b"?")
    report = device.sync(FolderCarrier(spoilt.folder), stick)
    assert report.error is None
    assert list_states(report) == {"packs/acme-valves.kpack": State.CHANGED}


def test_when_no_source_is_of_use_the_first_says_why(device: Device, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    report = device.sync(FolderCarrier(tmp_path / "one"), FolderCarrier(tmp_path / "two"))
    assert not report.reached
    assert isinstance(report.error, CarrierError)
    assert str(tmp_path / "one") in report.error.message
    assert "metadata" in report.error.hint or "repository" in report.error.hint


def test_nobody_is_trusted_until_somebody_is_chosen(tmp_path: Path, stick: FolderCarrier) -> None:
    with pytest.raises(TrustError, match="trusts no publisher yet") as error:
        sync(Settings(home=tmp_path / "new"), [stick])
    assert "edge sync trust" in error.value.hint


# Models and policy


def test_models_come_like_packs(device: Device, road: Road, repository: Repository, tmp_path: Path) -> None:
    repository.add("models/tiny.gguf", TINY.read_bytes(), {"kind": "model"})
    assert find_outcome(device.sync(road(repository)), "models/tiny.gguf").state is State.CHANGED
    (model,) = ModelStore(device.settings).list()
    assert (model.name, model.active) == ("tiny", True)
    assert device.sync(road(repository)).moved == 0
    changed = TINY.read_bytes() + b"\0"
    repository.add("models/tiny.gguf", changed, {"kind": "model"})
    assert find_outcome(device.sync(road(repository)), "models/tiny.gguf").state is State.CHANGED
    assert model.path.read_bytes() == changed
    model.path.unlink()
    assert find_outcome(device.sync(road(repository)), "models/tiny.gguf").state is State.CHANGED


def test_a_reranker_comes_into_its_own_place(
    device: Device, stick: FolderCarrier, repository: Repository, tmp_path: Path
) -> None:
    words = ["pump", "bolts"]
    file = rank_model.write_rank_model(tmp_path / "rank.gguf", words, rank_model.reward_overlap(words))
    repository.add("models/rank.gguf", file.read_bytes(), {"kind": "model"})
    assert find_outcome(device.sync(stick), "models/rank.gguf").state is State.CHANGED
    store = ModelStore(device.settings)
    assert (store.find_active(), store.find_reranker()) == (None, device.settings.models_dir / "rank.gguf")


def test_a_model_added_by_hand_is_not_replaced(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    ModelStore(device.settings).add(TINY)
    repository.add("models/tiny.gguf", TINY.read_bytes() + b"\0", {"kind": "model"})
    error = find_outcome(device.sync(stick), "models/tiny.gguf").error
    assert isinstance(error, UsageError)
    assert (device.settings.models_dir / "tiny.gguf").read_bytes() == TINY.read_bytes()


def test_a_model_that_is_here_already_is_known_by_its_hash(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    ModelStore(device.settings).add(TINY)
    repository.add("models/tiny.gguf", TINY.read_bytes(), {"kind": "model"})
    report = device.sync(stick)
    assert (report.moved, find_outcome(report, "models/tiny.gguf").state) == (0, State.UNCHANGED)


def test_a_signed_file_that_is_no_model_is_refused(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    repository.add("models/tiny.gguf", b"GGUF?", {"kind": "model"})
    assert isinstance(find_outcome(device.sync(stick), "models/tiny.gguf").error, ModelError)
    assert ModelStore(device.settings).list() == ()


def test_unwanted_models_stay_away(device: Device, stick: FolderCarrier, repository: Repository) -> None:
    repository.add("models/tiny.gguf", TINY.read_bytes(), {"kind": "model"})
    device.settings = Settings(home=device.settings.home, sync_models="")
    assert device.sync(stick).outcomes == ()


def test_a_lora_lies_beside_the_models_and_its_hash_is_kept(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    repository.add("models/pumps-lora.gguf", b"adapter", {"kind": "lora"})
    assert device.sync(stick).error is None
    assert (device.settings.models_dir / "lora" / "pumps-lora.gguf").read_bytes() == b"adapter"
    (adapter,) = ModelStore(device.settings).list()
    assert (adapter.name, adapter.kind) == ("pumps-lora", "adapter")
    record = read_record(adapter.path)
    assert record is not None
    assert (record.sha256, record.source) == (sha256(b"adapter").hexdigest(), "sync:models/pumps-lora.gguf")
    assert device.sync(stick).moved == 0


def test_a_policy_sets_what_it_may_and_the_device_has_the_last_word(
    device: Device, stick: FolderCarrier, repository: Repository
) -> None:
    policy = b'sources = "https://mirror.example"\npassages = 7\nhost = "0.0.0.0"\nfrom_the_future = 1\n'
    repository.add("policy/config.toml", policy, {"kind": "policy"})
    assert device.sync(stick).error is None
    home = device.settings.home
    settings = load_settings({"EDGE_HOME": str(home)})
    assert (settings.sources, settings.passages) == ("https://mirror.example", 7)
    assert settings.host == Settings(home=home).host
    (home / "config.toml").write_text("passages = 3\n")
    assert load_settings({"EDGE_HOME": str(home)}).passages == 3
    assert device.sync(stick).moved == 0


@pytest.mark.parametrize("policy", [b"passages = 'many'", b"= 1", b"\xff", b"[" * 10_000])
def test_a_policy_that_cannot_be_used_leaves_the_one_before(
    device: Device, stick: FolderCarrier, repository: Repository, policy: bytes
) -> None:
    repository.add("policy/config.toml", b"passages = 7", {"kind": "policy"})
    device.sync(stick)
    repository.add("policy/config.toml", policy, {"kind": "policy"})
    assert isinstance(device.sync(stick).error, UsageError)
    assert (device.settings.home / POLICY).read_bytes() == b"passages = 7"
    assert load_settings({"EDGE_HOME": str(device.settings.home)}).passages == 7


# Disks, crashes and company


def test_space_for_the_copy_is_checked_before_starting(
    device: Device,
    mirror: Mirror,
    repository: Repository,
    make_pack: MakePack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pack = make_pack()
    repository.add_pack(pack)
    free = (64 << 20) + 2 * pack.stat().st_size - 1
    usage: Any = shutil._ntuple_diskusage(1 << 40, 1 << 40, free)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    report = device.sync(HttpsCarrier(mirror.address, device.settings))
    assert isinstance(find_outcome(report).error, StorageError)
    assert report.moved == mirror.sent == 0


def test_one_sync_at_a_time(device: Device, stick: FolderCarrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.0)
    device.sync(stick)
    with (
        files.hold_lock(device.settings.sync_dir / ".lock", "syncing"),
        pytest.raises(BusyError, match="is syncing"),
    ):
        device.sync(stick)


def test_interrupted_it_resumes(
    device: Device, mirror: Mirror, repository: Repository, make_pack: MakePack
) -> None:
    pack = make_pack()
    repository.add_pack(pack)
    length = pack.stat().st_size

    def interrupt(what: str, done: int, total: int) -> None:
        if done > length // 2:
            raise KeyboardInterrupt

    carrier = HttpsCarrier(mirror.address, device.settings)
    with closing(carrier), pytest.raises(KeyboardInterrupt):
        sync(device.settings, [carrier], progress=interrupt, now=lambda: T0 + DAY)
    assert device.packs == {}
    report = device.sync(HttpsCarrier(mirror.address, device.settings))
    assert 0 < report.moved < length
    assert mirror.asked[-1][1] is not None
    assert device.packs == {"pumps": "1.0"}


def test_what_was_begun_of_an_older_version_is_cleared_away(
    device: Device, mirror: Mirror, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    cut = ways.cut_after(10_000, times=1)

    def cut_and_gone(request: ways.Request) -> None:
        mirror.ways["pumps"] = ways.make_status(503)
        cut(request)

    mirror.ways["pumps"] = cut_and_gone
    device.sync(HttpsCarrier(mirror.address, device.settings))
    assert list_staged(device) == ["pumps.kpack"]
    mirror.ways.clear()
    repository.add_pack(make_pack(version="2.0"))
    device.sync(HttpsCarrier(mirror.address, device.settings))
    assert list_staged(device) == []


def _sync_from_the_stick(home: Path) -> None:
    settings = Settings(home=home)
    report = sync(settings, [FolderCarrier(home.parent / "repository")], now=lambda: T0 + DAY)
    assert report.error is None


@pytest.mark.parametrize("by_delta", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_kill_at_every_step_leaves_one_of_the_two_versions(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack, by_delta: bool
) -> None:
    """A version answers whatever happened, the versions seen do not go back, and the next sync gets through."""
    old, new = make_pack(), make_pack(version="2.0", texts=NEWER)
    repository.add_pack(old)
    device.sync(stick)
    was = repository.copy(repository.folder.with_name("was"))
    repository.add_pack(new)
    if by_delta:
        add_delta(repository, old, new)
    seen = []
    for home in kill_at_every_step(device.settings.home, _sync_from_the_stick):
        survivor = Device(Settings(home=home))
        store = PackStore(survivor.settings)
        with store.open("pumps") as pack:
            verify(pack.path)
            seen.append(pack.version)
        assert store.find_problems() == ()
        if seen[-1] == "2.0":
            with pytest.raises(TrustError):
                survivor.refresh(FolderCarrier(was.folder))
        assert survivor.sync(stick).error is None
        assert (store.get("pumps").version, store.get("pumps").previous) == ("2.0", "1.0")
        assert list_staged(survivor) == []
    print(f"{len(seen)} steps")
    assert len(seen) > 60
    assert set(seen) == {"1.0", "2.0"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir", "open", "symlink"])
def test_every_failing_call_is_a_clear_error_and_the_old_version_serves(
    device: Device,
    stick: FolderCarrier,
    repository: Repository,
    make_pack: MakePack,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
) -> None:
    repository.add_pack(make_pack())
    device.sync(stick)
    repository.add_pack(make_pack(version="2.0"))
    for number in range(100):
        report = None
        with monkeypatch.context() as patch, suppress(StorageError):
            fail(patch, call, code, number)
            report = device.sync(stick)
        assert PackStore(device.settings).find_problems() == ()
        assert set(device.packs.values()) <= {"1.0", "2.0"}
        if report and report.error is None:
            break
        assert report is None or (report.error and report.error.hint)
    assert device.sync(stick).error is None
    assert device.packs == {"pumps": "2.0"}


def test_nothing_is_disabled_for_its_age(
    device: Device, stick: FolderCarrier, repository: Repository, make_pack: MakePack
) -> None:
    repository.add_pack(make_pack())
    device.sync(stick)
    device.clock = T0 + timedelta(days=3650)
    assert isinstance(device.sync(stick).error, TrustError)
    assert device.packs == {"pumps": "1.0"}
