"""The limit on how often one client may ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.server.limits import MAX_CLIENTS, READS, Buckets, identify_client

Start = Callable[..., Any]
QUESTION = {"message": "How many grams of grease does the motor bearing take?"}
TOKEN = {"Authorization": "Bearer correct horse"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    clock = Clock()
    buckets = Buckets(per_minute=60, burst=3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]
    clock.now = 0.5
    assert buckets.take("a") == 0.5
    clock.now = 1.0
    assert [buckets.take("a"), buckets.take("a")] == [0, 1]


def test_clients_do_not_share() -> None:
    buckets = Buckets(per_minute=60, burst=1, clock=Clock())
    assert [buckets.take(client) for client in ("a", "b", "a")] == [0, 0, 1]


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 600), st.integers(1, 20))
def test_no_more_pass_than_burst_and_rate_allow(waits: list[float], per_minute: int, burst: int) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, burst, clock)
    passed = 0
    for wait in waits:
        clock.now += wait
        passed += buckets.take("a") == 0
    assert passed <= burst + clock.now * per_minute / 60 + 1e-6


@given(st.lists(st.floats(0, 10), max_size=30), st.integers(1, 600))
def test_whoever_waits_as_told_passes(waits: list[float], per_minute: int) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, 1, clock)
    for wait in waits:
        clock.now += wait
        if told := buckets.take("a"):
            clock.now += told + 1e-6
            assert buckets.take("a") == 0


def test_only_so_many_clients_are_remembered() -> None:
    buckets = Buckets(per_minute=60, burst=1, clock=Clock())
    for n in range(3 * MAX_CLIENTS):
        buckets.take(str(n))
    assert len(buckets._buckets) == MAX_CLIENTS


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_and_of_ipv6_a_network(host: str, client: str) -> None:
    assert identify_client({"client": (host, 5)}) == client
    assert identify_client({}) == ""


def test_reading_has_a_larger_limit_of_its_own(start: Start) -> None:
    client = start(host="0.0.0.0", token="correct horse", requests_per_minute=1, request_burst=1)
    client.headers.update(TOKEN)
    found = [client.get("/packs").status_code for _ in range(READS + 1)]
    assert found == [200] * READS + [429]
    assert client.post("/chat", json=QUESTION).status_code == 200
    assert client.get("/health").status_code == 200


def test_questions_and_reading_are_counted_apart(start: Start) -> None:
    client = start(host="0.0.0.0", token="correct horse", requests_per_minute=1, request_burst=2)
    client.headers.update(TOKEN)
    assert [client.post("/chat", json=QUESTION).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.post("/chat", json=QUESTION)
    assert refused.json()["type"] == "urn:edge:problem:too-many-requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    for path in ("/health", "/metrics", "/packs", "/v1/models"):
        assert client.get(path).status_code == 200
    openai = client.post("/v1/chat/completions", json={"model": "edge-grounded", "messages": []})
    assert openai.status_code == 429
    assert openai.json()["error"]["type"] == "rate_limit_error"
    assert 'edge_requests_refused_total{reason="rate"} 3' in client.get("/metrics").text


def test_whoever_has_no_token_uses_nobodys_up(start: Start) -> None:
    client = start(host="0.0.0.0", token="correct horse", requests_per_minute=1, request_burst=1)
    for _ in range(3):
        assert client.post("/chat", json=QUESTION).status_code == 401
    assert client.post("/chat", json=QUESTION, headers=TOKEN).status_code == 200


@pytest.mark.parametrize(
    "chosen", [{}, {"host": "0.0.0.0", "token": "correct horse", "requests_per_minute": 0}]
)
def test_it_is_off_on_loopback_and_when_set_to_nothing(start: Start, chosen: Any) -> None:
    client = start(**{"requests_per_minute": 1, "request_burst": 1} | chosen)
    assert [client.post("/chat", json=QUESTION, headers=TOKEN).status_code for _ in range(3)] == [200] * 3


def test_searches_count_too(start: Start) -> None:
    client = start(host="0.0.0.0", token="correct horse", requests_per_minute=1, request_burst=2)
    found = [client.get("/search", params={"q": "grease"}, headers=TOKEN).status_code for _ in range(3)]
    assert found == [200, 200, 429]


def test_health_does_not_wait_for_searches(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr("edge.server.search._search", lambda *_: release.wait(15))
    client = start()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(client.get, "/search", params={"q": "grease"}) for _ in range(8)]
        try:
            assert client.get("/health", timeout=10).status_code == 200
            assert not any(one.done() for one in asked)
        finally:
            release.set()
