"""Prompt lookup: runs of the model it saves on answers that quote, and what that is worth in time.

The model is the tiny one of the tests, which answers with the opening sentence of the best passage, asked what the
starter pack's labelled questions ask; as it is, and as slow as a larger one (`slow_tiny`), since a run of the tiny one
costs next to nothing. Output must be the same with and without.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge.engine.interface import ChatRequest, Finished, Written
from edge.engine.llama import LlamaEngine
from edge.engine.machine.resources import choose_threads
from edge.engine.process.options import WorkerOptions
from edge.evaluation import load_questions
from edge.prompt.template import make_prompt
from edge.retrieval.retriever import Retriever
from edge.types import Prompt
from pack_cache import STARTER
from tests.bench.figures import Figure
from tests.bench.packs import make_query_embedder, open_starter
from tests.bench.program import main, say
from tests.bench.slow_tiny import TINY, make_slow_tiny

QUESTIONS, PASSAGES, ANSWER_TOKENS = 24, 5, 128
ROUNDS = 2
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers to all prompts: their texts, tokens, runs of the model, and seconds of it all."""

    texts: tuple[str, ...]
    tokens: int
    steps: int
    wall_s: float


def run(options: Namespace) -> Iterator[Figure]:
    """Steps and seconds with and without prompt lookup."""
    prompts = _make_prompts()
    for name, model in ("tiny", TINY), ("slow tiny", make_slow_tiny()):
        say(f"prompt lookup: {len(prompts)} questions, {name} model, {ROUNDS} times with it and without")
        with (
            closing(_make_engine(model, lookup=True)) as guessing,
            closing(_make_engine(model, lookup=False)) as plain,
        ):
            yield from _compare(f"{name} model", guessing, plain, prompts, at_once=1)
            yield from _compare(f"{name} model, {AT_ONCE} at once", guessing, plain, prompts, at_once=AT_ONCE)


def _compare(
    name: str, guessing: LlamaEngine, plain: LlamaEngine, prompts: Sequence[Prompt], at_once: int
) -> Iterator[Figure]:
    _answer(guessing, prompts[:1], 1), _answer(plain, prompts[:1], 1)
    pairs = [(_answer(guessing, prompts, at_once), _answer(plain, prompts, at_once)) for _ in range(ROUNDS)]
    guessed, read = pairs[0]
    alike = sum(a == b for a, b in zip(guessed.texts, read.texts, strict=True))
    target = ">= 1.5" if at_once == 1 else ""
    yield Figure(
        f"lookup, {name}: runs of the model saved", read.steps / guessed.steps, "times fewer", target
    )
    yield Figure(
        f"lookup, {name}: same answers", alike / len(prompts), "of all", ">= 1.0" if at_once == 1 else ""
    )
    yield Figure(f"lookup, {name}: time saved", median(b.wall_s / a.wall_s for a, b in pairs), "times faster")


def _answer(engine: LlamaEngine, prompts: Sequence[Prompt], at_once: int) -> Answered:
    def ask_one(prompt: Prompt) -> tuple[str, Finished]:
        *pieces, last = engine.chat(ChatRequest(prompt.messages, ANSWER_TOKENS))
        assert isinstance(last, Finished)
        return "".join(piece.text for piece in pieces if isinstance(piece, Written)), last

    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        texts, ends = zip(*pool.map(ask_one, prompts), strict=True)
    wall_s = time.perf_counter() - start
    return Answered(texts, sum(end.tokens for end in ends), sum(end.steps for end in ends), wall_s)


def _make_engine(model: Path, *, lookup: bool) -> LlamaEngine:
    threads = choose_threads()
    return LlamaEngine(
        WorkerOptions(model, "generate", threads, parallel=AT_ONCE, cells=AT_ONCE * 1024, lookup=lookup)
    )


def _make_prompts() -> list[Prompt]:
    labelled = [
        each for each in load_questions(STARTER.with_name("starter.questions.jsonl")) if each.answerable
    ]
    questions = [each.question for each in labelled[:: max(1, len(labelled) // QUESTIONS)]]
    with (
        open_starter() as pack,
        closing(make_query_embedder()) as embedder,
        closing(Retriever(lambda: [pack], embedder)) as retriever,
    ):
        found = [(question, retriever.search(question, PASSAGES).evidence.passages) for question in questions]
    return [
        make_prompt(question.text, passages, (), ANSWER_TOKENS, lambda prompt: True)
        for question, passages in found
        if passages
    ]


if __name__ == "__main__":
    main(run)
