"""The worker with the language model is killed again and again while people ask."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle

from edge.evaluation import load_questions
from pack_cache import STARTER
from tests.bench.figures import Figure
from tests.soak.client import Reply, make_request, talk
from tests.soak.service import Service
from tests.soak.visitors import Visitor, find_failure, make_polite

AT_ONCE = 8
LONGEST_S = 0.6
"""A worker lives so long at most after its first answer."""

BETWEEN_LOOKS_S = 0.2
AGAIN_AFTER_S = 0.2
"""Who got an error asks again after so long."""

PATIENCE_S = 12.0
"""How long a kill may take on average, with the pauses before a worker is started again."""

MIXED = 500


class Kills:
    """Asks, kills, looks after the service.

    Args:
        service: with a language model.
        chance: when to kill.
    """

    def __init__(self, service: Service, chance: random.Random) -> None:
        self._service, self._chance = service, chance
        self._outcomes: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._looks = self._killed = 0
        self._answers = 0
        self._over = False

    def measure(self, kills: int) -> Iterator[Figure]:
        """Kill so many workers."""
        start = time.monotonic()
        asyncio.run(self._run(kills))
        yield Figure("workers killed", self._killed, "", f">= {kills}")
        yield Figure("  seconds", time.monotonic() - start, "s")
        for outcome, count in sorted(self._outcomes.items()):
            yield Figure(f"  {outcome}", count, "requests")
        yield Figure("  service looked after", self._looks, "times")
        yield Figure(
            "neither an answer nor a clear error, or the service was down",
            sum(self._wrong.values()),
            "",
            "<= 0",
        )
        for what, count in self._wrong.most_common():
            print(f"wrong: {what} ({count} times)")

    async def _run(self, kills: int) -> None:
        questions = [
            labelled.question.text
            for labelled in load_questions(STARTER.with_name("starter.questions.jsonl"))
        ]
        asked = cycle(make_polite(questions, MIXED, seed=1))
        clients = [asyncio.create_task(self._run_client(asked)) for _ in range(AT_ONCE)]
        watch = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(PATIENCE_S * kills):
                while self._killed < kills:
                    await self._kill()
        except TimeoutError:
            self._wrong["no worker answered for long"] += 1
        finally:
            self._over = True
            await asyncio.gather(*clients, watch)
        reply = await talk(self._service.port, make_polite(questions, 1, seed=2)[0].data)
        if reply.status != 200 or find_failure(reply):
            self._wrong[f"no answer after the last kill: {reply.status}"] += 1

    async def _kill(self) -> None:
        """End the worker some time after it answered, one in five times while it still starts."""
        while not (pid := self._service.find_workers().get("generate")):
            await asyncio.sleep(0.01)
        if self._chance.random() < 0.8:
            answers = self._answers
            while self._answers == answers and self._service.find_workers().get("generate") == pid:
                await asyncio.sleep(0.01)
            await asyncio.sleep(self._chance.uniform(0, LONGEST_S))
        else:
            await asyncio.sleep(self._chance.uniform(0, 0.3))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self._killed += 1
            if self._killed % 10 == 0:
                print(f"    {self._killed} killed: {dict(self._outcomes)}", file=sys.stderr, flush=True)
        while self._service.find_workers().get("generate") == pid:
            await asyncio.sleep(0.01)

    async def _run_client(self, asked: Iterator[Visitor]) -> None:
        for visitor in asked:
            if self._over:
                return
            try:
                reply = await talk(self._service.port, visitor.data)
            except (OSError, TimeoutError) as error:
                self._wrong[f"{visitor.kind}: {type(error).__name__}"] += 1
                continue
            self._judge(visitor, reply)
            if find_failure(reply):
                await asyncio.sleep(AGAIN_AFTER_S)

    def _judge(self, visitor: Visitor, reply: Reply) -> None:
        stated = find_failure(reply)
        if stated and reply.whole and "inside edge" not in stated:
            self._outcomes["clear errors"] += 1
        elif verdict := visitor.judge(reply):
            self._wrong[f"{visitor.kind}: {verdict}: {reply.status} {reply.body[-200:]!r}"] += 1
        else:
            without = any(mode in reply.body for mode in (b'"mode":"extractive"', b'"mode":"refused"'))
            self._outcomes["answers without the model" if without else "answers of the model"] += 1
            self._answers += not without

    async def _look(self) -> None:
        while not self._over:
            try:
                reply = await talk(self._service.port, make_request("GET", "/health"))
            except (OSError, TimeoutError) as error:
                reply = Reply(0, repr(error).encode(), False)
            self._looks += 1
            if reply.status != 200:
                self._wrong[f"health: {reply.status} {reply.body[:100]!r}"] += 1
            await asyncio.sleep(BETWEEN_LOOKS_S)
