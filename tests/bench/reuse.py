"""How much of a prompt is computed, and how much was there: first questions, follow-ups, hot passages, after a restart.

Counted by the engine itself, in tokens, over the starter pack and the NUT manual with their labelled questions. The
model only counts and fills its cache: any will do. The tiny one of the tests takes its whole prompt here, since its
chat template, which drops most of it, is left out.

    python -m tests.bench.reuse [--model FILE.gguf]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from edge.engine.interface import ChatRequest, Finished, Written
from edge.engine.llama import LlamaEngine
from edge.engine.machine.resources import choose_threads
from edge.engine.prefill.cache import open_cache
from edge.engine.process.options import WorkerOptions
from edge.evaluation import Labelled, load_questions
from edge.packs.pack import Pack
from edge.prompt.conversation import Exchange, continue_conversation
from edge.prompt.template import format_block
from edge.retrieval.retriever import Retriever
from edge.types import Message, Passage, Question
from tests.bench.figures import Figure, compute_mean, format_table
from tests.bench.manuals import MANUALS, fetch_available
from tests.bench.packs import STARTER, build_pack, make_query_embedder, open_starter

TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"
PASSAGES = 5
ANSWER_TOKENS = 48
CONTEXT = 4096
CONVERSATIONS = 12
COMPANIONS = 24
"""Questions asked of each kind, at most."""
CACHE_MB = 2048
AGAIN = "Which of these passages says so?"
"""A second question about passages that are there already."""

Passages = tuple[Passage, ...]


@dataclass(frozen=True)
class Cost:
    """Tokens of a prompt, and those of them that were computed."""

    prompt: int
    computed: int

    @property
    def share(self) -> float:
        """Computed over all."""
        return self.computed / self.prompt


@dataclass(frozen=True)
class Asked:
    """A labelled question with its passages; of a follow-up, the question before it, too."""

    text: str
    passages: Passages
    before: Asked | None = None


def measure_shares(model: Path) -> list[Figure]:
    """Measure the shares of prompts that a model's engine computes.

    Args:
        model: a GGUF that writes text. Its speed decides how long this takes: about 100,000 tokens are computed.
    """
    questions = list(_find_questions())
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        firsts, again, follow_ups = _measure_conversations(
            _copy_without_template(model, home), questions, home / "a"
        )
        hot = _measure_hot(_copy_without_template(model, home), questions, home / "b")
        own_order, arranged = (
            _measure_companions(_copy_without_template(model, home), questions, a) for a in (False, True)
        )
    return [
        _make_figure("first question", firsts),
        _make_figure("second question, same passages", again, "<= 0.15"),
        _make_figure("second question, labelled follow-ups", follow_ups, "<= 0.15"),
        _make_figure("hot passages, another question", hot["hot"], "<= 0.20"),
        _make_figure("hot passages, after a restart", hot["restarted"], "<= 0.20"),
        _make_figure("conversation, after a restart", hot["resumed"], "<= 0.15"),
        _make_figure("same best passage, own order", own_order),
        _make_figure("same best passage, arranged", arranged),
        Figure("tokens computed of a first question", compute_mean(c.computed for c in firsts), "tokens"),
        Figure("tokens computed of a second question", compute_mean(c.computed for c in again), "tokens"),
    ]


def _make_figure(name: str, costs: Sequence[Cost], target: str = "") -> Figure:
    return Figure(
        f"computed share, {name} (n={len(costs)})", compute_mean(c.share for c in costs), "", target
    )


def _measure_conversations(
    model: Path, questions: Sequence[Asked], folder: Path
) -> tuple[list[Cost], list[Cost], list[Cost]]:
    """Ask first questions, second ones about the same passages, and labelled follow-ups."""
    firsts, again, follow_ups = [], [], []
    alone = [asked for asked in questions if not asked.before]
    with _open_engine(model, folder) as engine:
        for asked in _choose_some(alone):
            cost, exchange = _ask(engine, asked, ())
            firsts.append(cost)
            again.append(_ask(engine, replace(asked, text=AGAIN), (exchange,))[0])
        for asked in _choose_some([asked for asked in questions if asked.before]):
            if asked.before:
                _, exchange = _ask(engine, asked.before, ())
                follow_ups.append(_ask(engine, asked, (exchange,))[0])
    return firsts[1:], again, follow_ups  # the very first one finds not even the instructions


def _measure_hot(model: Path, questions: Sequence[Asked], folder: Path) -> dict[str, list[Cost]]:
    """Ask somebody else's question over the same passages, at once and after the engine was started again."""
    costs: dict[str, list[Cost]] = defaultdict(list)
    chosen = _choose_some([asked for asked in questions if not asked.before])
    exchanges: list[Exchange] = []
    with _open_engine(model, folder) as engine:
        for asked in chosen:
            exchanges.append(_ask(engine, asked, ())[1])
            costs["hot"].append(_ask(engine, replace(asked, text=AGAIN), ())[0])
            _settle(folder)
    with _open_engine(model, folder) as engine:
        for asked, exchange in zip(chosen, exchanges, strict=True):
            costs["restarted"].append(_ask(engine, replace(asked, text="Is that so?"), ())[0])
            costs["resumed"].append(_ask(engine, replace(asked, text=AGAIN), (exchange,))[0])
    return costs


def _measure_companions(model: Path, questions: Sequence[Asked], arranged: bool) -> list[Cost]:
    """Ask labelled questions whose best passage was the best one of a question before; the other passages may
    differ."""
    groups: dict[str, list[Asked]] = defaultdict(list)
    for asked in questions:
        if not asked.before:
            groups[format_block(asked.passages[0])].append(asked)
    costs: list[Cost] = []
    with _open_engine(model, None) as engine:
        for group in (group for group in groups.values() if len(group) > 1):
            known: list[Passages] = []
            if len(costs) >= COMPANIONS:
                break
            for asked in group:
                cost, exchange = _ask(engine, asked, (), known if arranged else [])
                if known:
                    costs.append(cost)
                known.insert(0, exchange.passages)
    return costs


def _ask(
    engine: LlamaEngine, asked: Asked, turns: tuple[Exchange, ...], known: Sequence[Passages] = ()
) -> tuple[Cost, Exchange]:
    sent = continue_conversation(asked.text, asked.passages, turns, ANSWER_TOKENS, engine.fits, known)
    pieces = list(engine.chat(ChatRequest(sent.prompt.messages, ANSWER_TOKENS)))
    finished = pieces[-1]
    assert isinstance(finished, Finished)
    text = "".join(piece.text for piece in pieces if isinstance(piece, Written))
    cost = Cost(finished.prompt_tokens, finished.prompt_tokens - finished.reused_tokens)
    return cost, replace(sent.exchange, assistant=text)


def _find_questions() -> Iterator[Asked]:
    """Yield the answerable questions of the packs with their passages."""
    with ExitStack() as stack:
        embedder = stack.enter_context(closing(make_query_embedder()))
        packs: list[tuple[Pack, Path]] = [
            (stack.enter_context(open_starter()), STARTER.with_name("starter.questions.jsonl"))
        ]
        for manual, data in fetch_available(False):
            if manual is MANUALS[0]:
                pack = stack.enter_context(build_pack(manual.name, {manual.document: data}))
                packs.append((pack, manual.questions))
        for pack, path in packs:
            with closing(Retriever(lambda pack=pack: [pack], embedder)) as retriever:  # type: ignore[misc]
                for labelled in load_questions(path):
                    if labelled.answerable and (asked := _asked(retriever, labelled)):
                        yield asked


def _asked(retriever: Retriever, labelled: Labelled) -> Asked | None:
    question = labelled.question
    passages = retriever.search(question, PASSAGES).evidence.passages
    if not passages:
        return None
    first = next((m.content for m in question.history if m.role == "user"), None)
    if first is None:
        return Asked(question.text, passages)
    found = retriever.search(Question(first), PASSAGES).evidence.passages
    return Asked(question.text, passages, Asked(first, found)) if found else None


@contextmanager
def _open_engine(model: Path, folder: Path | None) -> Iterator[LlamaEngine]:
    options = WorkerOptions(
        model, "generate", choose_threads(), CONTEXT, ANSWER_TOKENS, cells=4 * CONTEXT, lookup=False
    )
    cache = open_cache(folder, CACHE_MB, options) if folder else None
    with closing(LlamaEngine(options, cache=cache)) as engine:
        # What every prompt begins with is there after the first one; it belongs to none of the questions.
        list(engine.chat(ChatRequest((Message("user", "Begin."),), 1)))
        yield engine


def _settle(folder: Path, quiet_s: float = 0.3, limit_s: float = 30.0) -> None:
    """Wait until the engine has stored what it computed."""
    deadline, seen, since = time.monotonic() + limit_s, -1, time.monotonic()
    while time.monotonic() < min(deadline, since + quiet_s):
        now = sum(1 for _ in folder.glob("*"))
        if now != seen:
            seen, since = now, time.monotonic()
        Event().wait(0.02)


def _choose_some(questions: Sequence[Asked]) -> list[Asked]:
    """Choose as many as are asked, from all over."""
    return list(questions[:: max(1, len(questions) // CONVERSATIONS)])[:CONVERSATIONS]


def _copy_without_template(model: Path, folder: Path) -> Path:
    """Return the model; of the tiny one a copy without its template."""
    if model != TINY:
        return model
    copy = folder / "tiny.gguf"
    copy.write_bytes(model.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_omitted_", 1))
    return copy


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=TINY)
    print(format_table(measure_shares(parser.parse_args().model)))


if __name__ == "__main__":
    main()
