"""States on disk: bounded, checked, and never in anybody's way."""

from __future__ import annotations

import base64
import errno
import mmap
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edge.engine.prefill.cache import LOCK, SUFFIX, PrefillCache, open_cache
from edge.engine.prefill.key import make_state_key
from edge.engine.process.frames import MAX_FRAME_BYTES, encode
from edge.engine.process.options import WorkerOptions
from edge.files import UNFINISHED, get_unfinished_path
from edge.models.integrity import verify
from tests.faults import fail, kill_at_every_step, limit_file_size

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
LIMIT = 100_000

MakeCache = Callable[..., "Worker"]


class Worker:
    """What a worker does with the cache of its parent, over memory of its own."""

    def __init__(self, cache: PrefillCache) -> None:
        assert cache.exchange is not None
        self.cache = cache
        self.memory = mmap.mmap(cache.exchange, 0)

    def save(self, tokens: list[int], state: bytes) -> str | None:
        self.memory[: len(state)] = state
        found: str | None = self.cache.answer(saving(tokens, len(state))).get("name")
        return found

    def load(self, name: str) -> bytes:
        size = self.cache.answer({"load": {"name": name}})["bytes"]
        return self.memory[:size]

    def stored(self) -> dict[str, list[int]]:
        entries = [entry for frame in self.cache.greet() for entry in frame["entries"]]
        return {entry["name"]: numbers(entry["tokens"]) for entry in entries}


def saving(tokens: list[int], size: int) -> dict[str, Any]:
    packed = struct.pack(f"<{len(tokens)}i", *tokens)
    return {"save": {"tokens": base64.b64encode(packed).decode(), "bytes": size}}


def numbers(text: str) -> list[int]:
    data = base64.b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}i", data))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "prefill"


@pytest.fixture
def make(folder: Path) -> Iterator[MakeCache]:
    """``make(key, limit)`` begins a parent and its worker over the same folder."""
    caches: list[PrefillCache] = []

    def call(key: bytes | None = KEY, limit: int = LIMIT) -> Worker:
        caches.append(PrefillCache(folder, limit, lambda: key))
        return Worker(caches[-1])

    yield call
    for cache in caches:
        cache.close()


@pytest.fixture(autouse=True)
def files_have_ages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files made one after the other are told apart by their times, however fast that is."""
    seconds = count(1_000_000)
    real, real_utime = os.replace, os.utime

    def replace(source: Path, target: Path) -> None:
        real(source, target)
        real_utime(target, (n := next(seconds), n))

    def utime(path: Path, times: tuple[float, float] | None = None, **options: Any) -> None:
        n = next(seconds)
        real_utime(path, **options) if options else real_utime(path, times or (n, n))

    monkeypatch.setattr("edge.files.os.replace", replace)
    monkeypatch.setattr("edge.engine.prefill.cache.os.utime", utime)


def test_a_state_outlives_the_process(make: MakeCache) -> None:
    name = make().save([1, 2, 3], b"state")
    assert name
    worker = make()
    assert worker.stored() == {name: [1, 2, 3]}
    assert worker.load(name) == b"state"


def test_nobody_else_can_read_it(make: MakeCache, folder: Path) -> None:
    name = make().save([1, 2, 3], b"state")
    assert name
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_those_used_last_are_named_first(make: MakeCache) -> None:
    worker = make()
    first, second = worker.save([1], b"a"), worker.save([2], b"b")
    assert first
    assert second
    assert list(worker.stored()) == [second, first]
    worker.load(first)
    assert list(worker.stored()) == [first, second]


def test_another_model_sees_nothing_of_it(make: MakeCache) -> None:
    name = make().save([1, 2, 3], b"state")
    assert name
    other = make(OTHER_KEY)
    assert other.stored() == {}
    assert other.load(name) == b""


def test_a_state_that_another_goes_on_from_is_dropped(make: MakeCache) -> None:
    worker = make()
    worker.save([1, 2], b"a")
    kept = worker.save([1, 9], b"b")
    longer = worker.save([1, 2, 3], b"c")
    assert set(worker.stored()) == {kept, longer}


def test_those_unused_for_longest_go_when_there_is_no_room(make: MakeCache, folder: Path) -> None:
    worker = make(limit=10_000)
    names = [worker.save([n], bytes(3000)) for n in range(3)]
    assert names[0]
    worker.load(names[0])
    names.append(worker.save([3], bytes(3000)))
    assert set(worker.stored()) == {names[0], names[2], names[3]}
    assert sum(path.stat().st_size for path in folder.glob("*")) <= 10_000


def test_states_of_other_models_count_too(make: MakeCache, folder: Path) -> None:
    for key in (KEY, OTHER_KEY, KEY, OTHER_KEY):
        make(key, 10_000).save([key[0], len(list(folder.glob("*")))], bytes(4000))
    assert len(list(folder.glob(f"*{SUFFIX}"))) == 2


def test_what_would_fill_the_cache_alone_is_not_stored(make: MakeCache) -> None:
    worker = make(limit=10_000)
    assert worker.cache.answer(saving([1], 6000)) == {}
    assert worker.stored() == {}


@pytest.mark.parametrize(
    "ask",
    [
        {}, {"save": {}}, {"save": None}, {"load": {"name": 7}}, {"save": {"tokens": "AAAA", "bytes": 5}},
        {"save": {"tokens": "no base64!", "bytes": 5}}, {"save": {"tokens": "", "bytes": 5}},
        saving([1], -1), saving([1], 0), saving([1], 10**12),
        {"load": {"name": "../../secret"}}, {"load": {"name": "/etc/passwd"}}, {"load": {"name": ""}},
        {"load": {"name": "\0"}}, {"load": {"name": f"{KEY.hex()[:16]}-/../x.kv"}}, {"else": 1},
    ],
)  # fmt: skip
def test_nonsense_gives_nothing(make: MakeCache, folder: Path, ask: dict[str, Any]) -> None:
    worker = make()
    assert worker.cache.answer(ask) in ({}, {"bytes": 0})
    assert not list(folder.glob(f"*{SUFFIX}"))


def test_a_worker_cannot_make_the_shared_memory_shorter(make: MakeCache) -> None:
    worker = make()
    assert worker.cache.exchange is not None
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(worker.cache.exchange, 0)


def test_the_shared_memory_is_given_back_after_each_state(make: MakeCache) -> None:
    worker = make(limit=64 * 2**20)
    assert worker.save([1], b"x" * 2**20)
    assert os.fstat(worker.cache.exchange or 0).st_blocks == 0


def test_frames_stay_small(make: MakeCache) -> None:
    worker = make(limit=10 * 2**20)
    for n in range(3):
        worker.save(list(range(n, 200_000 + n)), b"state")
    assert all(len(encode(frame)) < MAX_FRAME_BYTES / 8 for frame in worker.cache.greet())


def test_before_the_model_is_known_nothing_is_named(make: MakeCache) -> None:
    make().save([1], b"state")
    assert make(key=None).stored() == {}


# Damage


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "header", "longer"])
def test_a_damaged_file_is_a_miss_and_goes(make: MakeCache, folder: Path, damage: str) -> None:
    name = make().save([1, 2, 3], b"state" * 100)
    assert name
    path = folder / name
    data = bytearray(path.read_bytes())
    data[{"flip": -1, "header": 50}.get(damage, 0)] ^= damage in ("flip", "header")
    path.write_bytes({"cut": data[:-1], "empty": b"", "longer": data + b"x"}.get(damage, data))
    worker = make()
    assert worker.load(name) == b""
    assert not path.exists()
    assert worker.stored() == {}


def test_damaged_headers_go_when_the_worker_is_greeted(make: MakeCache, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{KEY.hex()[:16]}-1{SUFFIX}").write_bytes(b"nonsense")
    assert make().stored() == {}
    assert list(folder.iterdir()) == []


def test_what_was_begun_and_not_finished_is_cleared_away(make: MakeCache, folder: Path) -> None:
    worker = make()
    worker.save([1], b"a")
    get_unfinished_path(folder / f"x{SUFFIX}").write_bytes(b"half")
    worker.save([2], b"b")
    assert not list(folder.glob(UNFINISHED))


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_call_that_fails_is_a_miss_and_leaves_nothing_half(
    make: MakeCache, folder: Path, call: str, code: int
) -> None:
    worker = make()
    first = worker.save([1], b"first")
    for number in range(8):
        with pytest.MonkeyPatch.context() as patch:
            fail(patch, call, code, number)
            worker.save([2, number], b"second")
        assert first in worker.stored()
        assert all(worker.load(name) in (b"first", b"second") for name in worker.stored())
        assert not list(folder.glob(UNFINISHED))


def test_a_full_disk_is_a_miss(make: MakeCache, folder: Path) -> None:
    worker = make()
    with limit_file_size(1000):
        assert worker.save([1], bytes(20_000)) is None
    assert {path.name for path in folder.iterdir()} == {LOCK}
    assert worker.save([1], bytes(20_000))


def test_a_home_that_cannot_be_written_is_a_miss(make: MakeCache, folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.touch()
    worker = make()
    assert worker.save([1], b"state") is None
    assert worker.stored() == {}


def test_two_processes_at_once_do_not_disturb_each_other(make: MakeCache, folder: Path) -> None:
    one, two = make(), make()
    mine, yours = one.save([1], b"one"), two.save([2], b"two")
    assert mine
    assert yours
    assert (one.load(yours), two.load(mine)) == (b"two", b"one")
    (folder / mine).unlink()
    assert one.load(mine) == b""


def work(home: Path) -> None:
    """Store a second state that goes on from the first, and a third."""
    with closing(PrefillCache(home / "prefill", LIMIT, lambda: KEY)) as cache:
        worker = Worker(cache)
        worker.save([1, 2], b"second" * 50)
        worker.save([7], b"third" * 50)


def test_killed_at_any_step_what_is_there_is_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with closing(PrefillCache(home / "prefill", LIMIT, lambda: KEY)) as cache:
        Worker(cache).save([1], b"first" * 50)
    states = {(1,): b"first" * 50, (1, 2): b"second" * 50, (7,): b"third" * 50}
    copies = kill_at_every_step(home, work)
    assert len(copies) > 5
    for copy in copies:
        with closing(PrefillCache(copy / "prefill", LIMIT, lambda: KEY)) as cache:
            worker = Worker(cache)
            assert all(worker.load(name) == states[tuple(t)] for name, t in worker.stored().items())
            assert worker.save([9], b"x")
            assert not list((copy / "prefill").glob(UNFINISHED))
    assert set(map(tuple, _stored(copies[-1]))) == {(1, 2), (7,)}


def _stored(home: Path) -> list[list[int]]:
    with closing(PrefillCache(home / "prefill", LIMIT, lambda: KEY)) as cache:
        return [tokens for tokens in Worker(cache).stored().values() if tokens != [9]]


# Which model


def options(model: Path, **more: Any) -> WorkerOptions:
    return WorkerOptions(model, "generate", **more)


def key_of(model: Path, **more: Any) -> bytes | None:
    chosen = options(model, **more)
    return make_state_key(chosen, (model, *(path for path, _ in chosen.loras)))()


def test_the_key_is_that_of_everything_a_state_depends_on(tmp_path: Path) -> None:
    model, lora = tmp_path / "m.gguf", tmp_path / "l.gguf"
    model.write_bytes(b"weights")
    lora.write_bytes(b"adapter")
    keys = [
        key_of(model), key_of(model, kv_type="q8_0"), key_of(lora),
        key_of(model, loras=((lora, 1.0),)), key_of(model, loras=((lora, 0.5),)),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert key_of(model, threads=7, input_tokens=99) == keys[0]


def test_a_model_that_was_exchanged_has_another_key(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"weights")
    before = key_of(model)
    (tmp_path / "new").write_bytes(b"WEIGHTS")
    os.utime(tmp_path / "new", ns=(model.stat().st_atime_ns, model.stat().st_mtime_ns))
    os.replace(tmp_path / "new", model)
    assert key_of(model) != before


def test_a_large_model_has_no_key_before_it_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"weights")
    known = key_of(model)
    monkeypatch.setattr("edge.engine.prefill.key.QUICK_BYTES", 3)
    assert key_of(model) is None
    verify(model)
    assert key_of(model) == known
    model.write_bytes(b"other weights")
    assert key_of(model) is None


def test_a_model_that_is_gone_is_a_miss(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "cache", 1, options(tmp_path / "m.gguf"))
    assert cache is not None
    assert list(cache.greet()) == []
    assert cache.answer(saving([1], 5)) == {}
    cache.close()
    cache.close()


def test_a_size_of_nothing_is_no_cache(tmp_path: Path) -> None:
    assert open_cache(tmp_path, 0, options(tmp_path / "m.gguf")) is None
