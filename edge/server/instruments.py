"""The Prometheus instruments of the server, in a registry of their own, and the middleware that counts requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge import __version__
from edge.engine.interface import Engine
from edge.engine.totals import Cost, Totals
from edge.errors import BusyError
from edge.server.turns import FullError, Turns
from edge.types import Answer, Answered

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
UNMATCHED = "unmatched"
NO_RESPONSE = "none"


class Registry(CollectorRegistry):
    """A registry without the ``…_created`` samples: the text format has no use for them, and they double the lines."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Metrics:
    """The instruments of one application."""

    def __init__(self) -> None:
        self.registry = registry = Registry()
        started = Gauge(
            "edge_start_time_seconds", "When the server started, in Unix time.", registry=registry
        )
        started.set_to_current_time()
        self._requests = Counter(
            "edge_http_requests_total",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._answers = Counter("edge_answers_total", "Answers by mode.", ("mode",), registry=registry)
        self._refused = Counter(
            "edge_requests_refused_total",
            "Requests there was no room for, by limit.",
            ("reason",),
            registry=registry,
        )
        self._request_time = self._add_histogram(
            "edge_http_request_seconds", "Time to the end of a response."
        )
        self._turn_times = {
            name: self._add_histogram(f"edge_turn_{name}_seconds", f"Time from question to {name}.")
            for name in ("evidence", "first_token", "total")
        }

    def count_request(self, method: str, route: str, status: str, seconds: float) -> None:
        """Count a request; ``route`` is the template, so that there are only so many."""
        self._requests.labels(method, route, status).inc()
        self._request_time.observe(seconds)

    def count_answer(self, answer: Answer) -> None:
        """Count an answer and its times."""
        self._answers.labels(answer.mode).inc()
        for name, histogram in self._turn_times.items():
            if name in answer.timings_ms:
                histogram.observe(answer.timings_ms[name] / 1000)

    def count_refusal(self, reason: str) -> None:
        """Count a request that there was no room for: ``queue``, ``engine`` or ``rate``."""
        self._refused.labels(reason).inc()

    def observe(self, event: object) -> None:
        """Count an event of a turn, if it is one that counts."""
        match event:
            case Answered(answer):
                self.count_answer(answer)
            case FullError():
                self.count_refusal("queue")
            case BusyError():
                self.count_refusal("engine")

    def watch(self, turns: Turns, engines: Callable[[], Iterable[Engine]]) -> None:
        """Show the turns under way and the work of the engines as well."""
        self.registry.register(_Present(turns, engines))

    def _add_histogram(self, name: str, description: str) -> Histogram:
        return Histogram(name, description, buckets=BUCKETS, registry=self.registry)


class _Present(Collector):
    """Values that others keep; they are read when Prometheus asks."""

    def __init__(self, turns: Turns, engines: Callable[[], Iterable[Engine]]) -> None:
        self._turns = turns
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        turns, cost = self._turns, _sum_costs(self._engines())
        yield InfoMetricFamily("edge", "The version that runs.", {"version": __version__})
        yield GaugeMetricFamily("edge_turns_in_progress", "Questions being answered now.", len(turns))
        yield GaugeMetricFamily("edge_requests_running", "Questions that have a thread.", turns.running)
        yield GaugeMetricFamily("edge_requests_waiting", "Questions that wait for one.", turns.waiting)
        for name, description, value in (
            ("edge_prefill_tokens", "Tokens of prompts that were computed.", cost.prefilled),
            ("edge_reused_tokens", "Tokens of prompts that were still there.", cost.reused),
            ("edge_generated_tokens", "Tokens written.", cost.generated),
            ("edge_decode_steps", "Runs of the model for the tokens written.", cost.steps),
        ):
            yield CounterMetricFamily(name, description, value)


class RequestMetrics:
    """Middleware that counts every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note what came of it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = NO_RESPONSE

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, note_status)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"  # a client may send any word
            route = getattr(scope.get("route"), "path_format", UNMATCHED)
            self._metrics.count_request(method, route, status, time.perf_counter() - began)


def _sum_costs(engines: Iterable[Engine]) -> Cost:
    totals = (getattr(engine, "totals", None) for engine in engines)
    return sum((one.cost for one in totals if isinstance(one, Totals)), Cost())
