"""The scheduler with a real context, step by step: whatever comes, the books agree with llama.cpp's memory."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.engine.interface import Sampling
from edge.engine.process.frames import Frame
from edge.engine.worker import binding
from edge.engine.worker.binding import L
from edge.engine.worker.context import SharedContext
from edge.engine.worker.opening import OpenedContext
from edge.engine.worker.request import Request
from edge.engine.worker.resident import Resident
from edge.engine.worker.scheduler import Scheduler
from tests.engine.chain_model import FIRST_BYTE, VOCABULARY

COUNTED = "123456789" * 100
PARALLEL, SEQUENCES, CELLS = 4, 9, 512


def opened(model: binding.Model) -> OpenedContext:
    """Return a context that is soon full."""
    handle = binding.make_context(
        model, n_ctx=CELLS, n_batch=128, n_ubatch=128, n_seq_max=SEQUENCES, n_outputs_max=24, n_threads=1,
        n_threads_batch=1, kv_unified=True,
    )  # fmt: skip
    return OpenedContext(handle, CELLS, PARALLEL, SEQUENCES, 128, 24)


class Bench:
    """A scheduler, what it sent, and a look into the memory."""

    def __init__(self, path: Path, prefixes: Elsewhere | None = None, **options: int) -> None:
        binding.start()
        model = binding.Model(path)
        self.context = SharedContext(model, opened(model))
        self.resident = Resident(self.context, SEQUENCES, prefixes)
        self.scheduler = Scheduler(
            model,
            self.context,
            self.resident,
            self.take,
            parallel=options.get("parallel", PARALLEL),
            lookup=True,
            mixes=bool(options.get("mixes", False)),
        )
        self.texts: dict[int, str] = defaultdict(str)
        self.last: dict[int, Frame] = {}
        self.requests: list[Request] = []

    def take(self, *frames: Frame) -> None:
        for frame in frames:
            assert frame["id"] not in self.last, "something after the end"
            self.texts[frame["id"]] += frame.get("token", "")
            if "token" not in frame:
                self.last[frame["id"]] = frame

    def submit(self, prompt: Sequence[int], limit: int, sampling: Sampling | None = None) -> int:
        number = len(self.requests) + 1
        self.requests.append(Request(number, list(prompt), limit, sampling or Sampling()))
        self.scheduler.submit(self.requests[-1])
        return number

    def finish(self) -> None:
        while self.scheduler.run_once():
            self.check()

    def check(self) -> None:
        """Check that what the books say is what llama.cpp holds."""
        memory, tree = L.llama_get_memory(self.context.handle), self.resident._tree
        for sequence in range(SEQUENCES):
            held = tree.get_length(sequence) if sequence in tree else 0
            assert L.llama_memory_seq_pos_max(memory, sequence) == held - 1
        assert tree.cells <= self.context.cells
        for request in self.scheduler._running:
            assert tree.get_length(request.sequence) == request.computed
            assert tree.get_tokens(request.sequence) == request.tokens[: request.computed]


class Elsewhere:
    """Beginnings kept elsewhere, in a second context's memory: states are copied by llama.cpp itself."""

    def __init__(self) -> None:
        self.states: dict[tuple[int, ...], bytes] = {}
        self.context: SharedContext | None = None

    def count_stored(self, tokens: Sequence[int]) -> int:
        return max((len(key) for key in self.states if tuple(tokens[: len(key)]) == key), default=0)

    def load(self, tokens: Sequence[int], sequence: int) -> int:
        assert self.context
        state = self.states[tuple(tokens)]
        buffer = (L.ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        done = L.llama_state_seq_set_data(self.context.handle, buffer, len(state), sequence)
        return len(tokens) if done == len(state) else 0

    def offer(self, tokens: Sequence[int], sequence: int) -> None:
        assert self.context
        size = L.llama_state_seq_get_size(self.context.handle, sequence)
        buffer = (L.ctypes.c_uint8 * size)()
        L.llama_state_seq_get_data(self.context.handle, buffer, size, sequence)
        self.states[tuple(tokens)] = bytes(buffer)


@pytest.fixture
def bench(endless_model: Path) -> Bench:
    return Bench(endless_model)


def prompt(text: str) -> list[int]:
    return [FIRST_BYTE + byte for byte in text.encode()]


def test_an_answer_step_by_step(bench: Bench) -> None:
    number = bench.submit(prompt("Count."), 12)
    bench.finish()
    assert bench.texts[number] == COUNTED[:12]
    assert bench.last[number]["done"]["reason"] == "length"


@pytest.mark.parametrize(("mixes", "rows"), [(False, [1, 115, 2]), (True, [116, 2, 2])])
def test_on_a_processor_answers_and_long_prompts_have_runs_of_their_own(
    endless_model: Path, mixes: bool, rows: list[int]
) -> None:
    bench = Bench(endless_model, mixes=mixes)
    text = bench.submit(prompt("Count."), 100, Sampling(temperature=1e-6))  # nothing is guessed ahead
    bench.scheduler.run_once()
    bench.submit(prompt("Count on. " * 12), 100, Sampling(temperature=1e-6))  # 5 of 120 tokens are there
    runs = []
    for _ in rows:
        bench.scheduler.run_once()
        runs.append(bench.context.batch.rows)
    assert runs == rows
    bench.finish()
    assert bench.texts[text] == COUNTED[:100]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_the_books_agree_with_the_memory(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(120):
        match chance.choice(["new", "new", "ahead", "cancel", "step", "step", "step", "step"]):
            case "new":
                length = chance.choice([1, 5, 40, 200, 300])
                bench.submit(prompt("ab" * length)[-length:] + prompt(chance.choice(["", "c", "de"])), 60)
            case "ahead":
                bench.submit(prompt("ab" * chance.randrange(1, 100)), 0)
            case "cancel" if bench.requests:
                bench.scheduler.cancel(chance.choice(bench.requests).number)
            case "step":
                bench.scheduler.run_once()
        bench.check()
    bench.finish()
    assert len(bench.last) == len(bench.requests)
    for request in bench.requests:
        frame = bench.last[request.number]
        assert COUNTED.startswith(bench.texts[request.number])
        if not frame.get("busy") and frame["done"]["reason"] == "length":
            assert len(bench.texts[request.number]) == 60


def test_cancellations_in_the_middle_of_runs_lose_nobody(bench: Bench) -> None:
    chance = random.Random(1)
    over = threading.Event()

    def disturb() -> None:
        for n in range(150):
            bench.submit(prompt("ab" * chance.choice([2, 100, 200]) + "qrstuvw"[n % 7]), 40)
            for request in chance.sample(bench.requests, min(2, len(bench.requests))):
                if request.number % 3:
                    bench.scheduler.cancel(request.number)
            over.wait(0.002)
        over.set()

    thread = threading.Thread(target=disturb)
    thread.start()
    while not over.is_set() or bench.scheduler.run_once():
        bench.scheduler.run_once()
    thread.join()
    bench.finish()
    assert len(bench.last) == 150
    for number, frame in bench.last.items():
        if not frame.get("busy") and frame["done"]["reason"] != "cancel":
            assert bench.texts[number] == COUNTED[:40]


def test_sequences_do_not_leak(bench: Bench) -> None:
    for n in range(3 * SEQUENCES):
        bench.submit(prompt(f"{n}."), 3)
        bench.finish()
    assert len(bench.resident._free) + len(bench.resident._idle) == SEQUENCES


def test_what_is_kept_elsewhere_is_loaded_when_it_is_longer(endless_model: Path) -> None:
    disk = Elsewhere()
    first = Bench(endless_model, disk)
    disk.context = first.context
    first.submit(prompt("x" * 200), 5)
    first.finish()
    while first.resident.offer():
        pass
    assert disk.states
    second = Bench(endless_model, disk)
    disk.context = second.context
    number = second.submit(prompt("x" * 200) + prompt("12345"), 7)
    second.finish()
    assert second.texts[number] == "6789123"
    assert second.last[number]["done"]["reused_tokens"] == 204


def test_a_crowd_is_answered_in_the_order_it_came(bench: Bench) -> None:
    numbers = [bench.submit(prompt(letter * 30), 10) for letter in "abcdefghijkl"]
    bench.finish()
    assert sorted(bench.last) == numbers
    assert list(bench.last)[:PARALLEL] == numbers[:PARALLEL]


def test_a_lost_run_is_done_again(bench: Bench) -> None:
    number = bench.submit(prompt("ab" * 30), 9)
    bench.context.abort()
    assert bench.scheduler.run_once()
    bench.check()
    assert bench.requests[0].computed == 0
    bench.finish()
    assert bench.texts[number] == COUNTED[:9]


def test_what_was_computed_ahead_stays_when_it_gives_way(bench: Bench) -> None:
    ahead = bench.submit(prompt("x" * 300), 0)
    assert bench.scheduler.run_once()
    asked = bench.submit(prompt("y"), 3)
    assert bench.last[ahead]["done"]["reason"] == "cancel"
    bench.finish()
    assert bench.texts[asked] == "123"
    again = bench.submit(prompt("x" * 300), 3)
    bench.finish()
    assert bench.last[again]["done"]["reused_tokens"] == 128


def test_a_run_that_is_mostly_for_others_is_not_given_up(bench: Bench) -> None:
    small, large = bench.submit(prompt("x" * 10), 9), bench.submit(prompt("y" * 100), 9)
    decode = bench.context.decode

    def cancel_meanwhile() -> int:
        bench.scheduler.cancel(small)
        assert bench.last[small]["done"]["reason"] == "cancel"
        return decode()

    bench.context.decode = cancel_meanwhile  # type: ignore[method-assign]
    assert bench.scheduler.run_once()
    assert bench.requests[large - 1].computed == 100
    bench.finish()
    assert bench.texts[large] == COUNTED[:9]


def test_the_vocabulary_is_the_models(bench: Bench) -> None:
    assert bench.context.vocabulary == VOCABULARY
