"""``make soak``: thousands of requests, then fifty killed workers; a table, and exit code 1 when something was wrong.

Between the parts of the first test everything must come to rest: what service and workers then hold must not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from edge.evaluation import load_questions
from pack_cache import STARTER
from tests.bench.figures import Figure, describe_machine, format_table
from tests.soak.client import Reply, talk
from tests.soak.kills import Kills
from tests.soak.service import Holding, Service, serve
from tests.soak.visitors import Visitor, make_visitors

AT_ONCE = 16
PARTS = 10
REST_S = 30.0
GROWTH = 1.05
EARLY = 2
"""Parts before what is held is compared: a fifth of them."""


class Soak:
    """Sends requests, notes what was wrong."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.wrong: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.held: list[dict[str, Holding]] = []
        self.pids: list[dict[str, int]] = []

    async def run(self, crowd: Sequence[Visitor]) -> None:
        """Everything, in parts, with a rest after each."""
        size = len(crowd) // PARTS
        for part in range(PARTS):
            await self._run_part(crowd[part * size : (part + 1) * size])
            await asyncio.to_thread(self._rest)
            held = ", ".join(f"{name} {h.memory / 1e6:.1f} MB" for name, h in self.held[-1].items())
            _say(f"{(part + 1) * size:6} requests: {held}; {sum(self.wrong.values())} wrong")

    async def _run_part(self, crowd: Sequence[Visitor]) -> None:
        waiting = iter(crowd)
        await asyncio.gather(*(self._run_client(waiting) for _ in range(AT_ONCE)))

    async def _run_client(self, waiting: Iterator[Visitor]) -> None:
        for visitor in waiting:
            try:
                reply = await talk(self._service.port, visitor.data, visitor.manner)
            except (OSError, TimeoutError) as error:
                if visitor.manner.breaks_off is None and visitor.manner.leaves_after is None:
                    self._note(visitor, f"{type(error).__name__}", Reply(0, b"", False))
                continue
            if verdict := visitor.judge(reply):
                self._note(visitor, verdict, reply)
            self.done[visitor.kind] += 1

    def _note(self, visitor: Visitor, verdict: str, reply: Reply) -> None:
        self.wrong[f"{visitor.kind}: {verdict}"] += 1
        if sum(self.wrong.values()) <= 10:
            _say(f"{visitor.kind}: {verdict}: {reply.status} {reply.body[-300:]!r}")

    def _rest(self) -> None:
        """Wait until nothing goes on; note what is held then."""
        deadline = time.monotonic() + REST_S
        while unfinished := self._service.find_unfinished():
            if time.monotonic() > deadline:
                self.wrong[f"at rest: {unfinished}"] += 1
                break
            time.sleep(0.1)
        before = self._service.read_processor_s()
        time.sleep(1.0)
        if self._service.read_processor_s() - before > 0.5:
            self.wrong["at rest: something computes"] += 1
        self.held.append(self._service.read_holdings())
        self.pids.append(self._service.find_workers())


def measure_endurance(service: Service, requests: int) -> Iterator[Figure]:
    """Make many short requests, some of them rude."""
    questions = [
        labelled.question.text for labelled in load_questions(STARTER.with_name("starter.questions.jsonl"))
    ]
    soak, start = Soak(service), time.monotonic()
    asyncio.run(soak.run(make_visitors(questions, requests, seed=0)))
    yield Figure("requests", requests, "")
    yield Figure("  a second", requests / (time.monotonic() - start), "")
    for kind, count in sorted(soak.done.items()):
        yield Figure(f"  {kind}", count, "")
    yield Figure("wrong answers, ends that did not come", sum(soak.wrong.values()), "", "<= 0")
    for what, count in soak.wrong.most_common():
        print(f"wrong: {what} ({count} times)")
    restarts = sum(pids != soak.pids[EARLY - 1] for pids in soak.pids[EARLY:])
    yield Figure("parts after which a worker was another one", restarts, "", "<= 0")
    for name in soak.held[-1]:
        since = [held[name] for held in soak.held[EARLY - 1 :] if name in held]
        yield from _compare_memory(name, since)


def _compare_memory(name: str, since: Sequence[Holding]) -> Iterator[Figure]:
    first, last = since[0], since[-1]
    memory = max(holding.memory for holding in since)
    yield Figure(f"{name}: memory after 20 %", first.memory / 1e6, "MB")
    yield Figure(f"{name}: memory at the end", last.memory / 1e6, "MB")
    yield Figure(
        f"{name}: most memory in relation to that after 20 %", memory / first.memory, "", f"<= {GROWTH}"
    )
    yield Figure(f"{name}: descriptors", last.descriptors, "", f"<= {first.descriptors + 2}")
    yield Figure(f"{name}: threads", last.threads, "", f"<= {first.threads + 2}")


def main() -> None:
    """Run both tests."""
    parser = argparse.ArgumentParser(
        description="Put requests to edge serve as rude clients do, kill its worker."
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    print(describe_machine())
    figures: list[Figure] = []
    with serve() as service:
        if options.requests:
            _say(f"{options.requests} requests, {AT_ONCE} at a time")
            figures += measure_endurance(service, options.requests)
        if options.kills:
            _say(f"{options.kills} killed workers")
            figures += Kills(service, random.Random(0)).measure(options.kills)
    print(format_table(figures))
    print(describe_machine())
    sys.exit(any(figure.met is False for figure in figures))


def _say(text: str) -> None:
    print(f"    {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
