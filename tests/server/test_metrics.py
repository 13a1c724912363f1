"""GET /metrics, in the Prometheus text format."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from edge import __version__
from edge.engine.scripted import ScriptedEngine
from edge.server.instruments import Metrics
from edge.types import Answer

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
    assert f'edge_info{{version="{__version__}"}} 1.0' in lines
    assert "edge_turns_in_progress 0.0" in lines
    assert 'edge_http_requests_total{method="POST",route="/chat",status="200"} 2.0' in lines
    assert (
        'edge_http_requests_total{method="GET",route="/documents/{pack}/{document}",status="200"} 1.0'
        in lines
    )
    assert 'edge_http_requests_total{method="GET",route="unmatched",status="404"} 2.0' in lines
    assert 'edge_answers_total{mode="generated"} 1.0' in lines
    assert 'edge_answers_total{mode="refused"} 1.0' in lines
    assert "edge_turn_evidence_seconds_count 2.0" in lines
    assert "edge_turn_first_token_seconds_count 1.0" in lines


def test_every_line_is_in_the_format(start: Start) -> None:
    text = start().get("/metrics").text
    assert text.endswith("\n")
    for line in text.splitlines():
        assert LINE.fullmatch(line), line


def test_any_method_a_client_invents_is_one_label(start: Start) -> None:
    client = start()
    client.request("BREW", "/packs")
    assert (
        'edge_http_requests_total{method="other",route="/packs",status="405"} 1.0'
        in client.get("/metrics").text
    )


NAMES = """
edge_info edge_start_time_seconds edge_turns_in_progress edge_requests_running edge_requests_waiting
edge_prefill_tokens_total edge_reused_tokens_total edge_generated_tokens_total edge_decode_steps_total
edge_http_requests_total edge_http_request_seconds edge_answers_total edge_requests_refused_total
edge_turn_evidence_seconds edge_turn_first_token_seconds edge_turn_total_seconds
""".split()


def test_dashboards_find_every_metric_by_its_name(start: Start) -> None:
    lines = start().get("/metrics").text.splitlines()
    assert {line.split()[2] for line in lines if line.startswith("# TYPE")} == set(NAMES)


def test_every_application_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.count_answer(Answer(text="", mode="refused", engine="extractive", timings_ms={"total": 20.0}))
    assert one.registry.get_sample_value("edge_answers_total", {"mode": "refused"}) == 1
    assert one.registry.get_sample_value("edge_turn_total_seconds_bucket", {"le": "0.025"}) == 1
    assert one.registry.get_sample_value("edge_turn_total_seconds_bucket", {"le": "0.01"}) == 0
    assert other.registry.get_sample_value("edge_answers_total", {"mode": "refused"}) is None
