"""Continuous batching: all requests share one context, and every run of the model takes each of them a step further.

Rows of answers go first, then as much of the waiting prompts as the time of a run allows. One thread steps; others
submit and cancel. `plan` decides what fits together, `resident` what stays in the cache.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.engine.process.frames import Frame, RequestError
from edge.engine.worker import plan
from edge.engine.worker.answer import Writer
from edge.engine.worker.binding import Model
from edge.engine.worker.context import ABORTED, NO_ROOM, Logits, SharedContext
from edge.engine.worker.lookup import Guesser
from edge.engine.worker.request import Request
from edge.engine.worker.resident import Resident
from edge.engine.worker.sampler import Candidates, Sampler
from edge.engine.worker.sequences import count_common

MUCH = 32
"""Tokens of a prompt that are worth waiting for."""

SPARE_CELLS = 64
"""Cells left for the answer of every running request when another is admitted; more are found when they are needed."""

WAITING = 4
"""Requests that may wait for every one that can run."""

WAITING_LEAST = 64
"""As many as the server hands over at once (max_requests): it has the queue that clients wait in."""

TILE = 64
"""Rows from which on llama.cpp's attention on a processor takes them in tiles, and looks for every row of a tile at the
cells of all of them. A run of 16 answers and 100 prompt tokens took 0.2 s longer than one of each."""

Send = Callable[..., None]


@dataclass(slots=True)
class _Part:
    """The part of one request in a run: tokens from ``request.computed`` on, the last of them guesses."""

    request: Request
    tokens: list[int]
    guesses: int
    outputs: int


class Scheduler:
    """Answers requests.

    Args:
        model: a language model.
        context: made for it.
        resident: the sequences of that context.
        send: takes frames for the parent.
        parallel: requests that run at the same time.
        lookup: guess ahead.
        mixes: a run of answers and long prompts is as fast as one of each: so on a GPU, see `TILE`.
    """

    def __init__(
        self,
        model: Model,
        context: SharedContext,
        resident: Resident,
        send: Send,
        *,
        parallel: int,
        lookup: bool,
        mixes: bool = False,
    ) -> None:
        self._model, self._context, self._resident, self._send = model, context, resident, send
        self._parallel, self._lookup = parallel, lookup and context.forgets
        self._may_wait = max(WAITING_LEAST, WAITING * parallel)
        self._candidates = Candidates(context.vocabulary)
        self._writer = Writer(model)
        self._cost = plan.StepCost()
        self._lock = threading.RLock()  # over what follows, and held from a look at `ended` to the reply
        self._arrived = threading.Condition(self._lock)
        self._requests: dict[int, Request] = {}
        self._waiting: list[Request] = []  # the oldest first
        self._ahead: list[Request] = []  # prompts to compute when there is nothing else
        self._parts: list[_Part] = []
        self._running: list[Request] = []  # the oldest first
        self._some_ended = False  # and are still in one of the lists
        self._mixes = mixes
        self._wrote = False  # the run before this one left prompts out
        self._blocked = False  # the oldest that waits found no room, and nothing has ended since

    # What other threads call.

    def submit(self, request: Request) -> None:
        """Take a request; its frames follow."""
        with self._lock:
            ahead = [other for other in self._requests.values() if not other.limit]
            if len(self._requests) - len(ahead) >= self._parallel + self._may_wait:
                busy = {"error": f"{len(self._requests)} requests wait already", "busy": True}
                self._send({"id": request.number, **busy})
                return
            self._requests[request.number] = request
            (self._waiting if request.limit else self._ahead).append(request)
            for other in ahead if request.limit else ():  # gives way
                self._end(other, other.make_last_frame("cancel"))
            self._abort_if_lost()
            self._arrived.notify()

    def cancel(self, number: int) -> None:
        """End a request now; its run goes on for the others in it, unless most of it was for this one."""
        with self._lock:
            request = self._requests.get(number)
            if request is None:
                return
            self._end(request, request.make_last_frame("cancel"))
            self._abort_if_lost()
            self._arrived.notify()

    # What the stepping thread does.

    def run(self) -> None:
        """Step for ever."""
        while True:
            if not self.run_once() and not self._resident.offer():
                with self._arrived:
                    if not (self._waiting or self._ahead or self._some_ended):
                        self._arrived.wait()

    def run_once(self) -> bool:
        """Run the model once for all who need it; False when nobody does."""
        self._retire()
        self._admit()
        with self._lock:
            self._parts = self._plan_run()
        if not self._parts:
            return False
        started, computed = time.monotonic(), time.thread_time()
        status = self._decode()
        # Time that other programs took from this one says nothing; a GPU's is not in the thread's.
        seconds = max(time.thread_time() - computed, (time.monotonic() - started) / 4)
        with self._lock:
            parts, self._parts = self._parts, []
            self._context.clear_abort()
        if status == ABORTED:
            for part in parts:
                self._context.forget(part.request.sequence, part.request.computed)
            return True
        if status == NO_ROOM:
            self._find_cells()
            return True
        prompts = any(len(part.tokens) - part.guesses > 1 for part in parts)
        self._cost.add(sum(len(part.tokens) for part in parts), seconds, prompts=prompts)
        self._take_in(parts)
        return True

    def _retire(self) -> None:
        """Let go of the requests that ended."""
        if not self._some_ended:
            return
        with self._lock:
            self._some_ended = False
            ended = [r for r in (*self._running, *self._waiting, *self._ahead) if r.ended]
            for queue in (self._running, self._waiting, self._ahead):
                queue[:] = [request for request in queue if not request.ended]
        for request in ended:
            self._blocked = False
            if request.sequence >= 0:
                self._resident.rest(request.sequence)
            if request.sampler:
                request.sampler.close()

    def _admit(self) -> None:
        """Begin with requests in the order they came, while there is room for their prompts."""
        while len(self._running) < self._parallel and not self._blocked:
            request = self._choose_next()
            if request is None:
                return
            try:
                self._blocked = not self._begin(request)
            except RequestError as error:
                self._end_with_error(request, str(error))
            if self._blocked:
                return
            with self._lock:
                (self._waiting if request.limit else self._ahead).remove(request)
                if request.sequence >= 0:
                    self._running.append(request)

    def _choose_next(self) -> Request | None:
        """Choose the oldest request that need not wait for what another computes; without any, a prompt to compute
        ahead.
        """
        with self._lock:
            waiting = list(self._waiting)
            if not waiting and not self._running:
                return self._ahead[0] if self._ahead else None
        return next((request for request in waiting if not self._is_following(request)), None)

    def _is_following(self, request: Request) -> bool:
        """Return whether somebody is computing much of the beginning of this prompt: waiting for that is faster."""
        if request.leader in self._running and request.leader and request.leader.computed < request.shared:
            return True
        request.leader, request.shared = None, self._resident.count_resident(request.tokens) + MUCH
        for running in self._running:
            shared = min(count_common(running.tokens, request.tokens), running.prompt)
            if shared > max(request.shared, running.computed):
                request.leader, request.shared = running, shared
        return request.leader is not None

    def _begin(self, request: Request) -> bool:
        """Give a request its sequence; False when there are not enough cells now.

        Raises:
            RequestError: its answer cannot be sampled as it wants.
        """
        if request.limit and request.sampler is None:
            request.sampler = Sampler(self._model, request.sampling, request.limit, self._candidates)
            if self._lookup and request.sampler.greedy:
                request.guesser = Guesser(request.tokens)
        request.sequence, request.computed = self._resident.take(request.tokens)
        promised = sum(r.pending + min(SPARE_CELLS, r.limit - r.written) for r in (*self._running, request))
        if self._running and self._resident.count_running_cells() + promised > self._context.cells:
            self._resident.rest(request.sequence)
            request.sequence, request.computed = -1, 0
            return False
        if request.reused is None:
            request.reused = request.computed
        if request.limit:
            self._resident.trim()
        return True

    def _plan_run(self) -> list[_Part]:
        """Plan which request gets how many rows of the next run."""
        writing = [request for request in self._running if request.pending == 1 and not request.ended]
        reading = [request for request in self._running if request.pending > 1 and not request.ended]
        while not self._resident.make_room(len(writing) + bool(reading)):
            self._put_back(self._running[-1])
            writing = [request for request in writing if request.sequence >= 0]
            reading = [request for request in reading if request.sequence >= 0]
        parts = [self._write_part(request, len(writing)) for request in writing]
        rows = sum(len(part.tokens) for part in parts)
        budget = plan.compute_prompt_budget(self._cost, rows, self._context.batch.size)
        wanted = min(budget, sum(request.pending for request in reading))
        apart = not self._mixes and bool(parts) and wanted > 0 and rows + wanted >= TILE
        self._wrote = apart and not self._wrote
        if self._wrote:
            return parts
        if apart:
            budget = plan.compute_prompt_budget(self._cost, rows, self._context.batch.size, apart=True)
            wanted = min(budget, sum(request.pending for request in reading))
            parts, rows = [], 0
        self._resident.make_room(rows + wanted)
        budget = min(budget, self._resident.free_cells - rows)
        for request, count in zip(reading, plan.share([r.pending for r in reading], budget), strict=True):
            if count:
                tokens = request.tokens[request.computed : request.computed + count]
                last = count == request.pending and request.limit > 0
                parts.append(_Part(request, tokens, 0, int(last)))
        return parts

    def _write_part(self, request: Request, writing: int) -> _Part:
        """Make the part of an answer: its last token, and guesses of the next ones."""
        guesses: list[int] = []
        if request.guesser:
            spare = (self._context.outputs - self._parallel) // writing
            room = min(spare, request.limit - request.written - 1, self._resident.free_cells // writing - 1)
            if room > 0:
                guesses = request.guesser.guess(room, self._cost.estimate_row_share(writing), writing)
        return _Part(
            request, [request.tokens[-1], *guesses], len(guesses), int(request.limit > 0) + len(guesses)
        )

    def _decode(self) -> int:
        batch = self._context.batch
        batch.clear()
        for part in self._parts:
            batch.add(part.request.sequence, part.request.computed, part.tokens, part.outputs)
        return self._context.decode()

    def _take_in(self, parts: list[_Part]) -> None:
        """Take in what came out of a run: tokens, and maybe the end of some answers."""
        outputs = sum(part.outputs for part in parts)
        logits = self._context.get_logits(outputs) if outputs else None
        replies: list[Frame] = []
        with self._lock:
            row = 0
            for part in parts:
                kept = len(part.tokens) - part.guesses
                if part.outputs and not part.request.ended:
                    assert logits is not None
                    kept += self._choose(part, logits[row : row + part.outputs], replies)
                row += part.outputs
                self._keep(part, kept)
                if not part.request.limit and not part.request.pending and not part.request.ended:
                    self._end(part.request, part.request.make_last_frame("end"))
            if replies:
                self._send(*replies)

    def _keep(self, part: _Part, count: int) -> None:
        """Keep so many of the tokens computed: they were right."""
        request = part.request
        self._resident.extend(request.sequence, part.tokens[:count])
        request.computed += count
        if count < len(part.tokens):
            self._context.forget(request.sequence, request.computed)

    def _choose(self, part: _Part, logits: Logits, replies: list[Frame]) -> int:
        """Choose tokens as long as the guesses were right; how many of these were."""
        request, right = part.request, 0
        request.steps += 1
        try:
            for guess in [*part.tokens[len(part.tokens) - part.guesses :], None]:
                assert request.sampler
                token = request.sampler.choose(logits[right])
                if not self._write(request, token, logits[right], replies) or token != guess:
                    break
                right += 1
        except RequestError as error:
            self._end_with_error(request, str(error))
        if part.guesses and request.guesser:
            request.guesser.learn(part.guesses, right)
        return right

    def _write(self, request: Request, token: int, logits: Logits, replies: list[Frame]) -> bool:
        """Add a token to an answer; False when that ended it."""
        frames, reason = self._writer.add(request, token, logits)
        replies += frames
        if reason:
            replies.append(request.make_last_frame(reason))
            self._strike(request)
        return not reason

    def _end_with_error(self, request: Request, message: str) -> None:
        self._end(request, {"id": request.number, "error": message})

    def _end(self, request: Request, last: Frame) -> None:
        with self._lock:
            if not request.ended:
                self._strike(request)
                self._send(last)

    def _strike(self, request: Request) -> None:
        """Mark a request as answered; the next step lets go of it."""
        request.ended = self._some_ended = True
        self._requests.pop(request.number, None)

    def _abort_if_lost(self) -> None:
        """End the run that is going on if half of it or more is for nobody: the others lose less than it would cost."""
        rows = sum(len(part.tokens) for part in self._parts)
        lost = sum(len(part.tokens) for part in self._parts if part.request.ended)
        if rows and 2 * lost >= rows and self._context.forgets:
            self._context.abort()

    def _put_back(self, request: Request) -> None:
        """Stop the youngest request to give its cells to the older ones; it begins again when there is room."""
        self._resident.drop(request.sequence)
        request.sequence, request.computed = -1, 0
        with self._lock:
            self._running.remove(request)
            self._waiting.insert(0, request)
            self._blocked = True

    def _find_cells(self) -> None:
        """Make room when llama.cpp found no cells although there should be some."""
        if self._resident.make_room(self._context.cells):
            return
        if len(self._running) > 1:
            self._put_back(self._running[-1])
        else:
            self._end_with_error(self._running[0], "the context is full")
