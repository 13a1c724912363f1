"""GET /metrics, in the Prometheus text format."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from edge import __version__
from edge.engine.scripted import ScriptedEngine
from edge.server.instruments import BUCKETS, Histogram, sample

Start = Callable[..., Any]
QUESTION = "How many grams of grease does the motor bearing take?"
LINE = re.compile(r'(# (HELP|TYPE) \w+ .+)|(\w+(\{\w+="([^"\\]|\\.)*"(,\w+="([^"\\]|\\.)*")*\})? [0-9.e+-]+)')


def test_requests_and_answers_are_counted(start: Start) -> None:
    client = start(ScriptedEngine(["The motor bearing takes 12 grams of grease each year. [1]"]))
    client.post("/chat", json={"message": QUESTION})
    client.post("/chat", json={"message": "Who painted the Mona Lisa in Florence?"})
    client.get("/documents/pumps/pump.md")
    client.get("/one/more")
    client.get("/other")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    assert f'edge_info{{version="{__version__}"}} 1' in lines
    assert "edge_turns_in_progress 0" in lines
    assert 'edge_http_requests_total{method="POST",route="/chat",status="200"} 2' in lines
    assert (
        'edge_http_requests_total{method="GET",route="/documents/{pack}/{document}",status="200"} 1' in lines
    )
    assert 'edge_http_requests_total{method="GET",route="unmatched",status="404"} 2' in lines
    assert 'edge_answers_total{mode="generated"} 1' in lines
    assert 'edge_answers_total{mode="refused"} 1' in lines
    assert "edge_turn_evidence_seconds_count 2" in lines
    assert "edge_turn_first_token_seconds_count 1" in lines


def test_every_line_is_in_the_format(start: Start) -> None:
    text = start().get("/metrics").text
    assert text.endswith("\n")
    for line in text.splitlines():
        assert LINE.fullmatch(line), line


def test_any_method_a_client_invents_is_one_label(start: Start) -> None:
    client = start()
    client.request("BREW", "/packs")
    assert (
        'edge_http_requests_total{method="other",route="/packs",status="405"} 1'
        in client.get("/metrics").text
    )


def test_buckets_are_cumulative() -> None:
    histogram = Histogram()
    for seconds in (BUCKETS[0], 0.02, 1000.0):
        histogram.observe(seconds)
    lines = list(histogram.lines("x", "X."))
    assert lines[2:5] == ['x_bucket{le="0.01"} 1', 'x_bucket{le="0.025"} 2', 'x_bucket{le="0.05"} 2']
    assert lines[-3:] == ['x_bucket{le="+Inf"} 3', "x_sum 1000.03", "x_count 3"]


def test_labels_are_escaped() -> None:
    assert sample("x", 1, a='b"\\\n') == 'x{a="b\\"\\\\\\n"} 1'
