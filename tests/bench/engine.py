"""The engine beside llama-server: same model, threads, context, prompts, in turn (A B B A …), for machines are noisy.

The model has 200 million random weights (`random_model`), with ``--full`` seven thousand million as well. Prompts are
new in every round and share no more than how the chat template begins, so that neither side reuses anything; nothing is
guessed ahead. The peer is asked over HTTP by the cheapest of clients. Wall time is what people feel; processor time
depends less on what else the machine does. Python's own cost is processor time of the worker's Python threads outside
llama.cpp: on an idle machine a share of wall time.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Protocol, TypeVar

from edge.engine.interface import ChatRequest, Finished
from edge.engine.llama import LlamaEngine
from edge.engine.machine.resources import choose_threads
from edge.engine.process.options import WorkerOptions
from edge.types import Message as ChatMessage
from tests.bench import quoting, reuse
from tests.bench.exchange import Crowd, Exchange, Message, ask_at_once, read_processor_seconds
from tests.bench.figures import Figure
from tests.bench.llama_server import LlamaServer
from tests.bench.program import main, say
from tests.bench.random_model import QWEN_7B, SMALL, make_random_model, make_text
from tests.bench.timed_worker import Clock, Spent, time_workers

PARALLEL, CELLS = 16, 8192
SYSTEM_TOKENS = 256

Prompt = Sequence[Message]
Pairs = Sequence[tuple[float, float]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """How much is done: starts, rounds of one stream and of sixteen, tokens of a prompt and of their answers."""

    starts: int
    rounds: int
    crowds: int
    prompt: int
    alone: int
    together: int


USUAL = Work(starts=9, rounds=6, crowds=3, prompt=128, alone=128, together=64)
LARGE = Work(starts=3, rounds=4, crowds=1, prompt=16, alone=32, together=12)
"""A 7B model on a processor computes some 6 tokens of a prompt, and 4 of an answer, a second."""


class Side(Protocol):
    """What is compared."""

    @property
    def processor_s(self) -> float:
        """Seconds that the process with the model has computed so far."""
        ...

    def ask(self, messages: Prompt, tokens: int) -> Exchange:
        """Let it answer greedily with so many tokens."""
        ...


class Edge:
    """The engine, in this process; its worker beside it."""

    def __init__(self, model: Path, threads: int, *, lookup: bool = False, repack: bool = False) -> None:
        options = WorkerOptions(
            model, "generate", threads, parallel=PARALLEL, cells=CELLS, lookup=lookup, repack=repack
        )
        self._engine = LlamaEngine(options)

    @property
    def processor_s(self) -> float:
        """Of the worker; what this process does for it counts as its client's."""
        return read_processor_seconds(self._engine.pid or 0)

    def ask(self, messages: Prompt, tokens: int) -> Exchange:
        """Through the engine's Python interface."""
        asked = tuple(ChatMessage(message["role"], message["content"]) for message in messages)  # type: ignore[arg-type]
        sent, first = time.perf_counter(), 0.0
        for event in self._engine.chat(ChatRequest(asked, tokens)):
            first = first or time.perf_counter()
            if isinstance(event, Finished):
                last = event
        return Exchange(
            sent, first, time.perf_counter(), last.prompt_tokens, last.reused_tokens, last.tokens, last.steps
        )

    def close(self) -> None:
        """End the worker."""
        self._engine.close()


def run(options: Namespace) -> Iterator[Figure]:
    """Measure one stream, sixteen at once, a fresh start; each beside llama-server. With ``--full`` also with a 7B
    model."""
    model, threads = make_random_model(SMALL), choose_threads()
    say(f"{model.name}, threads: {threads}")
    yield from _measure_starts("", model, threads, USUAL)
    with time_workers() as clock, _start_both(model, threads) as (edge, peer):
        yield from _measure_alone("one stream", edge, peer, USUAL)
        yield from _measure_together("16 at once", edge, peer, clock, USUAL)
        yield from _measure_same_instructions(edge, peer)
    with time_workers() as clock, _start_both(model, threads, "--no-kv-unified") as (edge, peer):
        yield from _measure_together("16 at once, peer with a cache for each", edge, peer, clock, USUAL)
    with time_workers() as clock, _start_both(model, threads, repack=True) as (edge, peer):
        yield from _measure_alone("repacked weights, one stream", edge, peer, USUAL)
        yield from _measure_together("repacked weights, 16 at once", edge, peer, clock, USUAL)
    if options.full:
        yield from _measure_large(make_random_model(QWEN_7B), threads)


def _measure_large(model: Path, threads: int) -> Iterator[Figure]:
    """Measure the model that edge is meant for; the peer as it is by default."""
    yield from _measure_starts("7B, ", model, threads, LARGE)
    with time_workers() as clock, _start_both(model, threads, "--no-kv-unified") as (edge, peer):
        yield from _measure_alone("7B, one stream", edge, peer, LARGE)
        yield from _measure_together("7B, 16 at once, peer with a cache for each", edge, peer, clock, LARGE)


@contextmanager
def _start_both(
    model: Path, threads: int, *more: str, repack: bool = False
) -> Iterator[tuple[Edge, LlamaServer]]:
    """Start both sides and warm them."""
    with (
        closing(Edge(model, threads, repack=repack)) as edge,
        closing(LlamaServer(model, threads, PARALLEL, CELLS, *more, repack=repack)) as peer,
    ):
        peer.wait_until_ready()
        measure_in_turn(
            2, lambda: edge.ask(_make_short_prompt(), 8), lambda: peer.ask(_make_short_prompt(), 8)
        )
        yield edge, peer


def _measure_starts(name: str, model: Path, threads: int, work: Work) -> Iterator[Figure]:
    say(f"{name}{work.starts} starts each")

    def time_edge() -> float:
        start = time.perf_counter()
        with closing(Edge(model, threads)) as started:
            return started.ask(_make_short_prompt(), 2).first - start

    def time_peer() -> float:
        start = time.perf_counter()
        with closing(LlamaServer(model, threads, PARALLEL, CELLS)) as started:
            started.wait_until_ready()
            return started.ask(_make_short_prompt(), 2).first - start

    yield from _make_figures(
        f"{name}start to first token", "s", "<= 1.3", measure_in_turn(work.starts, time_edge, time_peer)
    )


def _measure_alone(name: str, edge: Side, peer: Side, work: Work) -> Iterator[Figure]:
    say(f"{name}: {work.prompt} tokens of prompt, {work.alone} of answer, {work.rounds} times each")
    prompts = (_make_prompt(seed, work.prompt) for seed in count())

    def ask(side: Side) -> tuple[Exchange, float]:
        before = side.processor_s
        exchange = side.ask(next(prompts), work.alone)
        _check(exchange, work.alone)
        return exchange, side.processor_s - before

    pairs = measure_in_turn(work.rounds, lambda: ask(edge), lambda: ask(peer))
    rates = [(a.decode_rate, b.decode_rate) for (a, _), (b, _) in pairs]
    waits = [(a.first_token_s * 1000, b.first_token_s * 1000) for (a, _), (b, _) in pairs]
    yield from _make_figures(f"{name}, decode", "tokens/s", ">= 0.97", rates)
    yield from _make_figures(f"{name}, first token", "ms", "", waits)
    yield from _make_figures(f"{name}, processor time", "s", "", [(a, b) for (_, a), (_, b) in pairs])


def _measure_together(name: str, edge: Side, peer: Side, clock: Clock, work: Work) -> Iterator[Figure]:
    prompts = (_make_prompt(seed, work.prompt) for seed in count(1000))
    say(f"{name}: {work.prompt} tokens of prompt, {work.together} of answer, {work.crowds} times")
    spent: list[tuple[Spent, float]] = []

    def ask(side: Side) -> tuple[Crowd, float]:
        before, counters = side.processor_s, clock.read()
        crowd = ask_at_once(
            lambda prompt: side.ask(prompt, work.together), [next(prompts) for _ in range(PARALLEL)]
        )
        for exchange in crowd.exchanges:
            _check(exchange, work.together)
        if side is edge:
            spent.append((clock.read() - counters, crowd.wall_s))
        return crowd, side.processor_s - before

    pairs = measure_in_turn(work.crowds, lambda: ask(edge), lambda: ask(peer))
    rates = [(a.rate, b.rate) for (a, _), (b, _) in pairs]
    waits = [(a.first_token_s, b.first_token_s) for (a, _), (b, _) in pairs]
    yield from _make_figures(f"{name}, aggregate", "tokens/s", ">= 1.0", rates)
    yield from _make_figures(f"{name}, first token (median)", "s", "<= 1.0", waits)
    yield from _make_figures(f"{name}, processor time", "s", "", [(a, b) for (_, a), (_, b) in pairs])
    outside = [100 * (1 - inside.inside / wall) for inside, wall in spent]
    own = [100 * (1 - inside.inside_cpu / inside.cpu) for inside, _ in spent]
    yield Figure(f"{name}, Python's own cost", median(own), "% of its time", "<= 2")
    yield Figure(f"{name}, stepping thread outside llama.cpp", median(outside), "% of wall")


def _measure_same_instructions(edge: Side, peer: Side) -> Iterator[Figure]:
    """Measure as edge is used: every prompt begins with the same instructions."""
    say(f"{PARALLEL} requests at once behind {SYSTEM_TOKENS} common tokens")
    instructions: Message = {"role": "system", "content": make_text(SYSTEM_TOKENS, -1)}
    prompts = ([instructions, *_make_prompt(seed, USUAL.prompt)] for seed in count(1_000_000))

    def ask(side: Side) -> Crowd:
        side.ask(next(prompts), 2)
        return ask_at_once(
            lambda prompt: side.ask(prompt, USUAL.together), [next(prompts) for _ in range(PARALLEL)]
        )

    pairs = measure_in_turn(2, lambda: ask(edge), lambda: ask(peer))
    yield from _make_figures(
        "16 with common instructions, aggregate", "tokens/s", "", [(a.rate, b.rate) for a, b in pairs]
    )
    waits = [(a.first_token_s, b.first_token_s) for a, b in pairs]
    yield from _make_figures("16 with common instructions, first token", "s", "", waits)


def measure_in_turn(rounds: int, edge: Callable[[], T], peer: Callable[[], T]) -> list[tuple[T, T]]:
    """Measure both so often, each going first every other time."""
    pairs = []
    for turn in range(rounds):
        if turn % 2:
            theirs = peer()
            pairs.append((edge(), theirs))
        else:
            pairs.append((edge(), peer()))
    return pairs


def _make_figures(name: str, unit: str, target: str, pairs: Pairs) -> Iterator[Figure]:
    """Yield the medians of both sides, and the median of what one is to the other in the same round."""
    ours, theirs = zip(*pairs, strict=True)
    yield Figure(name, median(ours), unit, "", median(theirs))
    yield Figure(f"{name}: ratio", median(a / b for a, b in pairs), "", target)


def _make_prompt(seed: int, tokens: int) -> Prompt:
    return [{"role": "user", "content": make_text(tokens, seed)}]


def _make_short_prompt() -> Prompt:
    return [{"role": "user", "content": make_text(8)}]


def _check(exchange: Exchange, tokens: int) -> None:
    """Both sides must do the same work."""
    if exchange.tokens != tokens or exchange.reused_tokens > 16:
        raise SystemExit(f"Not the work that was meant: {exchange}")


def measure_reuse(options: Namespace) -> Iterator[Figure]:
    """Measure how much of a prompt is computed: see ``reuse``."""
    yield from reuse.measure_shares(reuse.TINY)


if __name__ == "__main__":
    main(run, quoting.run, measure_reuse)
