"""The guard at the door of the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from edge.errors import UsageError
from edge.server.security import check_token, is_loopback, parse_host

Start = Callable[..., Any]
TOKEN = "correct horse battery staple"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8765", "LOCALHOST", "[::1]", "[::1]:80", "127.0.0.1:1"]
)
def test_loopback_hosts_are_let_in(client: httpx.Client, host: str) -> None:
    assert client.get("/packs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "a@localhost",
    ],
)
@pytest.mark.parametrize("path", ["/packs", "/health", "/absent", "/openapi.json"])
def test_foreign_hosts_are_not(client: httpx.Client, host: str, path: str) -> None:
    response = client.get(path, headers={"Host": host})
    assert response.status_code == 403
    assert response.json()["type"] == "urn:edge:problem:forbidden"
    assert response.json()["hint"]


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:8765", "https://localhost", "http://[::1]:5000"]
)
def test_local_pages_may_ask(client: httpx.Client, origin: str) -> None:
    assert client.get("/packs", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "",
        "file://",
        "chrome-extension://localhost",
    ],
)
def test_foreign_pages_may_not(client: httpx.Client, origin: str) -> None:
    response = client.post("/chat", json={"message": "pump"}, headers={"Origin": origin})
    assert response.status_code == 403
    assert response.json()["hint"]


def test_a_preflight_of_a_foreign_page_is_refused_and_no_cors_header_is_ever_sent(
    client: httpx.Client,
) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    refused = client.options("/chat", headers=headers)
    allowed = client.get("/packs", headers={"Origin": "http://localhost:3000"})
    assert refused.status_code == 403
    for response in (refused, allowed):
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_foreign_page_may_link_here_but_not_embed(client: httpx.Client) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/packs", headers=foreign | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert client.get("/packs", headers=foreign | {"Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert client.get("/packs", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("path", ["/packs", "/absent", "/documents/pumps/pump.md"])
def test_every_response_is_hardened(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "server" not in headers


def test_answers_are_not_stored_by_the_browser(client: httpx.Client) -> None:
    assert client.get("/packs").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "laptop.example"])
def test_no_token_no_listening_beyond_loopback(start: Start, host: str) -> None:
    with pytest.raises(UsageError) as caught:
        start(host=host)
    assert "EDGE_TOKEN" in caught.value.hint
    check_token(host, TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_needs_no_token(host: str) -> None:
    check_token(host, "")


class TestBeyondLoopback:
    @pytest.fixture
    def client(self, start: Start) -> httpx.Client:
        return start(host="0.0.0.0", token=TOKEN)  # type: ignore[no-any-return]

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer wrong",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN}x",
            b"Bearer \xff",
        ],
    )
    def test_without_the_token_nothing_is_told(
        self, client: httpx.Client, header: str | bytes | None
    ) -> None:
        headers = {} if header is None else {"Authorization": header}
        for path in ("/packs", "/metrics", "/openapi.json", "/absent"):
            response = client.get(path, headers=headers)  # type: ignore[arg-type]
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert "EDGE_TOKEN" in response.json()["hint"]

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_with_it_everything_is(self, client: httpx.Client, scheme: str) -> None:
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        assert client.get("/packs", headers=headers).status_code == 200

    def test_health_is_open(self, client: httpx.Client) -> None:
        assert client.get("/health").status_code == 200

    def test_an_address_of_the_machine_is_its_name_and_a_foreign_name_is_not(
        self, client: httpx.Client
    ) -> None:
        assert client.get("/health", headers={"Host": "192.168.1.5:8765"}).status_code == 200
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 403

    def test_its_own_pages_may_ask(self, client: httpx.Client) -> None:
        own = {"Host": "192.168.1.5:8765", "Origin": "http://192.168.1.5:8765"}
        other = own | {"Origin": "http://192.168.1.6:8765"}
        assert client.get("/health", headers=own).status_code == 200
        assert client.get("/health", headers=other).status_code == 403


def test_the_configured_name_is_let_in(start: Start) -> None:
    client = start(host="van-7.example", token=TOKEN)
    assert client.get("/health", headers={"Host": "VAN-7.example:8765"}).status_code == 200
    assert client.get("/health", headers={"Host": "192.168.1.5"}).status_code == 403


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost", "localhost"),
        ("Localhost:80", "localhost"),
        ("[::1]:80", "::1"),
        ("::1", ""),
        ("a:b", ""),
        ("user@localhost", ""),
        ("localhost/evil", ""),
        ("localhost:80:90", ""),
        ("[localhost", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_authority(authority: str, host: str) -> None:
    assert parse_host(authority) == host


@pytest.mark.parametrize("host", ["", "example", "10.0.0.1", "0.0.0.0", "localhost.example", "1"])
def test_what_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
