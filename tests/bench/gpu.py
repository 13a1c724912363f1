"""The engine on a GPU, with a model of 7B shape: tokens a second for 1, 8 and 64 requests at once, and how long a
prompt of 1,000 tokens takes to its first token, new and repeated.

    EDGE_BACK_ENDS=FOLDER make bench-gpu      FOLDER with libggml-cuda.so, see build/cuda.py

The peer of one request is the floor: every token reads all weights once, at the speed at which this device copies its
own memory. Without a GPU that llama.cpp can use nothing is measured, and what is missing is said.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from edge.config import load_settings
from edge.doctor import device
from edge.engine.interface import ChatRequest, Finished
from edge.engine.llama import LlamaEngine
from edge.engine.prepare import Prepared, prepare
from edge.types import Message as ChatMessage
from tests.bench.device_bandwidth import measure_device_bandwidth
from tests.bench.exchange import Exchange, Message, ask_at_once
from tests.bench.figures import Figure
from tests.bench.program import main, say
from tests.bench.random_model import QWEN_7B, make_random_model, make_text

CROWDS = 1, 8, 64
TARGETS = {64: ">= 500"}
ANSWER_TOKENS = 128
LONG_PROMPT, SHORT_PROMPT = 1000, 128
WARM_MS = "<= 300"
ROUNDS = 5

_seeds = count(1)


def run(options: Namespace) -> Iterator[Figure]:
    """Tokens a second and first tokens on a GPU."""
    with TemporaryDirectory() as home:
        settings = load_settings(home=Path(home))
        found = device.Findings()
        check = device.check_device(settings, found)
        say(f"device: {check.detail}")
        if not found.devices:
            print(f"NO GPU: nothing was measured. {check.hint or 'This machine has none.'}")
            return
        model = make_random_model(QWEN_7B)
        prepared = prepare(settings, model)
        chosen = prepared.options
        say(
            f"{chosen.gpu_layers} layers on it, {chosen.parallel} requests, {chosen.cells:,} cells, {chosen.kv_type}"
        )
        if not chosen.gpu_layers:
            print("NO LAYER FITS ON THE GPU: nothing was measured.")
            return
        yield from _measure(prepared)


def _measure(prepared: Prepared) -> Iterator[Figure]:
    # Nothing is guessed ahead, and the limits leave room for the long prompt: the figures are of plain computing.
    options = replace(prepared.options, lookup=False)
    with closing(LlamaEngine(options)) as engine:
        start = time.perf_counter()
        facts = engine.read_facts()
        yield Figure("load", time.perf_counter() - start, "s")
        yield Figure("layers on the GPU", int(facts["gpu_layers"]), "", f">= {options.gpu_layers}")
        _ask(engine, _make_prompt(SHORT_PROMPT), 8)
        bandwidth = measure_device_bandwidth()
        if bandwidth:
            yield Figure("memory bandwidth of the device", bandwidth / 1e9, "GB/s")
        floor = bandwidth / int(facts["weights"]) if bandwidth else None
        for crowd in (number for number in CROWDS if number <= options.parallel):
            yield from _measure_together(engine, crowd, floor if crowd == 1 else None)
        yield from _measure_first_tokens(engine)


def _measure_together(engine: LlamaEngine, crowd: int, floor: float | None) -> Iterator[Figure]:
    say(f"{crowd} at once: {SHORT_PROMPT} tokens of prompt, {ANSWER_TOKENS} of answer")
    rates, waits, decoding = [], [], []
    for _ in range(ROUNDS):
        done = ask_at_once(
            lambda prompt: _ask(engine, prompt, ANSWER_TOKENS),
            [_make_prompt(SHORT_PROMPT) for _ in range(crowd)],
        )
        rates.append(done.rate)
        waits.append(done.first_token_s)
        decoding.append(median(exchange.decode_rate for exchange in done.exchanges))
    yield Figure(f"{crowd} at once, all together", median(rates), "tokens/s", TARGETS.get(crowd, ""))
    yield Figure(f"{crowd} at once, each decodes", median(decoding), "tokens/s", peer=floor)
    yield Figure(f"{crowd} at once, first token", median(waits) * 1000, "ms")


def _measure_first_tokens(engine: LlamaEngine) -> Iterator[Figure]:
    say(f"first token of {LONG_PROMPT} tokens, new and repeated")
    cold, warm, again = [], [], []
    for _ in range(ROUNDS):
        prompt = _make_prompt(LONG_PROMPT)
        first, second = _ask(engine, prompt, 8), _ask(engine, prompt, 8)
        cold.append(first.first_token_s * 1000)
        warm.append(second.first_token_s * 1000)
        again.append(second.prompt_tokens - second.reused_tokens)
    yield Figure(f"first token, {LONG_PROMPT} tokens, new", median(cold), "ms")
    yield Figure(f"first token, {LONG_PROMPT} tokens, repeated", median(warm), "ms", WARM_MS)
    yield Figure("tokens computed again for the repeated one", median(again), "tokens")


def _make_prompt(tokens: int) -> list[Message]:
    return [{"role": "user", "content": make_text(tokens, next(_seeds))}]


def _ask(engine: LlamaEngine, messages: Sequence[Message], tokens: int) -> Exchange:
    asked = tuple(ChatMessage("user", message["content"]) for message in messages)
    sent, first, last = time.perf_counter(), 0.0, None
    for event in engine.chat(ChatRequest(asked, tokens)):
        first = first or time.perf_counter()
        if isinstance(event, Finished):
            last = event
    assert last is not None, "the answer has no end"
    return Exchange(
        sent, first, time.perf_counter(), last.prompt_tokens, last.reused_tokens, last.tokens, last.steps
    )


if __name__ == "__main__":
    main(run)
