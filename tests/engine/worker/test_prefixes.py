"""Sequence states out of a real context, through real files, into another context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.engine.prefill.cache import PrefillCache
from edge.engine.process.frames import Frame
from edge.engine.process.options import WorkerOptions
from edge.engine.worker import binding
from edge.engine.worker.binding import L
from edge.engine.worker.context import SharedContext
from edge.engine.worker.opening import open_context
from edge.engine.worker.prefixes import Prefixes

TINY = Path(__file__).parents[2] / "tiny_model" / "tiny.gguf"
KEY = b"k" * 32
TOKENS = [40 + n % 900 for n in range(300)]

MakePrefixes = Callable[..., Prefixes]


@pytest.fixture(scope="module")
def model() -> binding.Model:
    binding.start()
    return binding.Model(TINY)


def new_context(model: binding.Model, cells: int = 1024) -> SharedContext:
    options = WorkerOptions(TINY, "generate", input_tokens=cells - 1, output_tokens=1)
    return SharedContext(model, open_context(model, options))


@pytest.fixture
def context(model: binding.Model) -> SharedContext:
    return new_context(model)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[PrefillCache]:
    cache = PrefillCache(tmp_path / "cache", 64 * 2**20, lambda: KEY)
    yield cache
    cache.close()


def prefixes_of(
    cache: PrefillCache, context: SharedContext, ask: Callable[[Frame], Frame] | None = None
) -> Prefixes:
    """Return the prefixes of a worker that has just been greeted."""
    assert cache.exchange is not None
    prefixes = Prefixes(context, cache.exchange, ask or cache.answer)
    for frame in cache.greet():
        prefixes.add_stored(frame["entries"])
    return prefixes


def compute(context: SharedContext, tokens: list[int], sequence: int, start: int = 0) -> list[float]:
    """Run the model over the tokens from ``start`` on; the logits after the last."""
    context.batch.clear()
    context.batch.add(sequence, start, tokens[start:], 1)
    assert context.decode() == 0
    return [float(value) for value in context.get_logits(1)[0]]


def stored(cache: PrefillCache, context: SharedContext, tokens: list[int], sequence: int = 0) -> None:
    prefixes = prefixes_of(cache, context)
    prefixes.offer(tokens, sequence)
    assert prefixes._wait_for_memory(10.0)


def length(context: SharedContext, sequence: int) -> int:
    return int(L.llama_memory_seq_pos_max(L.llama_get_memory(context.handle), sequence)) + 1


def test_what_one_context_computed_another_goes_on_from(
    model: binding.Model, context: SharedContext, cache: PrefillCache
) -> None:
    compute(context, TOKENS, 2)
    stored(cache, context, TOKENS, 2)
    other = new_context(model)
    prefixes = prefixes_of(cache, other)
    longer = [*TOKENS, 7, 8, 9]
    assert prefixes.count_stored(longer) == 300
    assert prefixes.load(longer, 1) == 300
    assert compute(other, longer, 1, 300) == pytest.approx(compute(context, longer, 2, 300), abs=1e-3)


def test_only_the_common_part_stays(
    model: binding.Model, context: SharedContext, cache: PrefillCache
) -> None:
    compute(context, TOKENS, 0)
    stored(cache, context, TOKENS)
    prefixes = prefixes_of(cache, other := new_context(model))
    asked = [*TOKENS[:200], 5, 6]
    assert prefixes.load(asked, 0) == prefixes.count_stored(asked) == 200
    assert length(other, 0) == 200


def test_what_shares_nothing_is_a_miss(context: SharedContext, cache: PrefillCache) -> None:
    compute(context, TOKENS, 0)
    stored(cache, context, TOKENS)
    prefixes = prefixes_of(cache, context)
    assert prefixes.count_stored([1, 2, 3]) == prefixes.load([1, 2, 3], 1) == 0
    assert prefixes.count_stored([]) == 0


def test_what_is_stored_already_is_not_stored_again(context: SharedContext, cache: PrefillCache) -> None:
    asks: list[Frame] = []

    def ask(frame: Frame) -> Frame:
        asks.append(frame)
        return cache.answer(frame)

    compute(context, TOKENS, 0)
    prefixes = prefixes_of(cache, context, ask)
    for tokens in (TOKENS, TOKENS, TOKENS[:100], [*TOKENS, 1, 2, 3]):
        prefixes.offer(tokens, 0)
        assert prefixes._wait_for_memory(10.0)
    assert len(asks) == 1


def test_of_a_conversation_that_grows_only_the_last_state_is_kept(
    context: SharedContext, cache: PrefillCache, tmp_path: Path
) -> None:
    compute(context, TOKENS[:200], 0)
    stored(cache, context, TOKENS[:200])
    compute(context, TOKENS, 0, 200)
    stored(cache, context, TOKENS)
    assert len(list((tmp_path / "cache").glob("*.kv"))) == 1
    assert prefixes_of(cache, context).count_stored(TOKENS) == 300


def test_of_several_the_longest_is_loaded(
    model: binding.Model, context: SharedContext, cache: PrefillCache
) -> None:
    other_end = [*TOKENS[:150], *reversed(TOKENS[150:])]
    compute(context, TOKENS, 0)
    compute(context, other_end, 1)
    stored(cache, context, TOKENS, 0)
    stored(cache, context, other_end, 1)
    prefixes = prefixes_of(cache, new_context(model))
    assert (prefixes.load(TOKENS, 0), prefixes.load(other_end, 1)) == (300, 300)


@pytest.mark.parametrize("answer", [{}, {"bytes": 0}, {"bytes": -1}, {"bytes": 1000}, {"bytes": 10**12}])
def test_a_state_that_does_not_come_leaves_the_sequence_empty_and_is_not_asked_for_again(
    context: SharedContext, cache: PrefillCache, answer: Frame
) -> None:
    compute(context, TOKENS, 0)
    stored(cache, context, TOKENS)
    prefixes = prefixes_of(cache, context, lambda ask: answer)
    assert prefixes.load(TOKENS, 1) == 0
    assert length(context, 1) == 0
    assert prefixes.count_stored(TOKENS) == 0


def test_a_state_that_is_cut_short_leaves_the_sequence_empty(
    model: binding.Model, context: SharedContext, cache: PrefillCache
) -> None:
    compute(context, TOKENS, 0)
    stored(cache, context, TOKENS)
    other = new_context(model)
    prefixes = prefixes_of(cache, other, lambda ask: {"bytes": cache.answer(ask)["bytes"] // 2})
    assert prefixes.load(TOKENS, 0) == 0
    assert length(other, 0) == 0
    compute(other, TOKENS, 0)


def test_a_context_without_room_for_a_state_stays_as_it_is(
    model: binding.Model, context: SharedContext, cache: PrefillCache
) -> None:
    compute(context, TOKENS, 0)
    stored(cache, context, TOKENS)
    small = new_context(model, 256)
    compute(small, TOKENS[:100], 3)
    assert prefixes_of(cache, small).load(TOKENS, 0) == 0
    assert (length(small, 0), length(small, 3)) == (0, 100)


def test_while_a_state_is_being_stored_the_scheduler_goes_on(
    context: SharedContext, cache: PrefillCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    monkeypatch.setattr("edge.engine.worker.prefixes.SAVE_LIMIT_S", 0.0)
    monkeypatch.setattr("edge.engine.worker.prefixes.LOAD_LIMIT_S", 0.0)
    compute(context, TOKENS, 0)
    stored(cache, context, TOKENS[:100])
    go_on = Event()

    def slow(frame: Frame) -> Frame:
        go_on.wait()
        return cache.answer(frame)

    prefixes = prefixes_of(cache, context, slow)
    prefixes.offer(TOKENS, 0)
    assert prefixes.load(TOKENS[:100], 1) == 0  # the shared memory is in use
    prefixes.offer(TOKENS, 0)  # is dropped
    go_on.set()
    assert prefixes._wait_for_memory(10.0)
    assert prefixes.count_stored(TOKENS) == 300


def test_the_descriptor_is_an_option_of_the_worker(cache: PrefillCache) -> None:
    options = WorkerOptions(TINY, "generate", exchange=cache.exchange)
    assert WorkerOptions.from_json(options.to_json()).exchange == cache.exchange
