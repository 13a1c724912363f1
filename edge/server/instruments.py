"""Counters and histograms in the Prometheus text format, without a library.

https://prometheus.io/docs/instrumenting/exposition_formats/ (changed on the event loop only, so nothing is locked).
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import BusyError
from edge.server.turns import FullError
from edge.types import Answer, Answered

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""

UNMATCHED = "unmatched"
NO_RESPONSE = "none"


class Histogram:
    """Durations by bucket."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds

    def lines(self, name: str, text: str) -> Iterator[str]:
        """Its samples, with cumulative buckets."""
        yield from _head(name, "histogram", text)
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._counts, strict=True):
            total += count
            yield sample(f"{name}_bucket", total, le=bound)
        yield sample(f"{name}_sum", round(self._sum, 6))
        yield sample(f"{name}_count", total)


class Metrics:
    """What the server counts."""

    def __init__(self) -> None:
        self._started = time.time()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._answers: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._request_time = Histogram()
        self._turn_times = {"evidence": Histogram(), "first_token": Histogram(), "total": Histogram()}

    def request(self, method: str, route: str, status: str, seconds: float) -> None:
        """Count a request; ``route`` is the template, so that there are only so many."""
        self._requests[method, route, status] += 1
        self._request_time.observe(seconds)

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers[answer.mode] += 1
        for name, histogram in self._turn_times.items():
            if name in answer.timings_ms:
                histogram.observe(answer.timings_ms[name] / 1000)

    def refused(self, reason: str) -> None:
        """Count a request that there was no room for: ``queue``, ``engine`` or ``rate``."""
        self._refused[reason] += 1

    def observe(self, event: object) -> None:
        """Count what an event of a turn says."""
        match event:
            case Answered(answer):
                self.answered(answer)
            case FullError():
                self.refused("queue")
            case BusyError():
                self.refused("engine")

    def lines(self) -> Iterator[str]:
        """All samples."""
        yield from _head("edge_start_time_seconds", "gauge", "When the server started, in Unix time.")
        yield sample("edge_start_time_seconds", round(self._started, 3))
        yield from _head("edge_http_requests_total", "counter", "Requests by method, route and status.")
        for (method, route, status), count in sorted(self._requests.items()):
            yield sample("edge_http_requests_total", count, method=method, route=route, status=status)
        yield from self._request_time.lines("edge_http_request_seconds", "Time to the end of a response.")
        yield from _head("edge_answers_total", "counter", "Answers by mode.")
        for mode, count in sorted(self._answers.items()):
            yield sample("edge_answers_total", count, mode=mode)
        yield from _head(
            "edge_requests_refused_total", "counter", "Requests there was no room for, by limit."
        )
        for reason, count in sorted(self._refused.items()):
            yield sample("edge_requests_refused_total", count, reason=reason)
        for name, histogram in self._turn_times.items():
            yield from histogram.lines(f"edge_turn_{name}_seconds", f"Time from question to {name}.")


class Measured:
    """Middleware that counts every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note what came of it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = NO_RESPONSE

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path_format", UNMATCHED)
            self._metrics.request(_method(scope), route, status, time.perf_counter() - began)


def gauge(name: str, text: str, value: float, **labels: str) -> Iterator[str]:
    """A single value as it is now."""
    yield from _head(name, "gauge", text)
    yield sample(name, value, **labels)


def counter(name: str, text: str, value: float) -> Iterator[str]:
    """A single value that only grows."""
    yield from _head(name, "counter", text)
    yield sample(name, value)


def sample(name: str, value: float, **labels: str) -> str:
    """One line."""
    return f"{name}{_labels(labels)} {value}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    quoted = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(quoted)}}}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _method(scope: Scope) -> str:
    """The method when it is one of the usual: a client may send any word."""
    method: str = scope["method"]
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
