"""A browser shows the token once and gets a cookie."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from edge.server.security import COOKIE, derive_cookie

Start = Callable[..., Any]
TOKEN = "correct horse battery staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def guarded(start: Start) -> httpx.Client:
    return start(host="0.0.0.0", token=TOKEN)  # type: ignore[no-any-return]


def test_the_cookie_opens_what_the_token_opens(guarded: httpx.Client) -> None:
    assert guarded.get("/packs").status_code == 401
    opened = guarded.post("/session", headers=BEARER)
    assert opened.status_code == 200
    assert opened.json()["seconds"] > 0
    assert guarded.get("/packs").status_code == 200  # httpx sends the cookie now


def test_scripts_cannot_read_it_and_no_other_site_makes_the_browser_send_it(guarded: httpx.Client) -> None:
    cookie = SimpleCookie(guarded.post("/session", headers=BEARER).headers["set-cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/"
    assert TOKEN not in cookie.value


def test_nobody_gets_it_without_the_token(guarded: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = guarded.post("/session", headers=headers)
        assert response.status_code == 401
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("value", ["", TOKEN, derive_cookie("another"), "é"])
def test_another_cookie_opens_nothing(guarded: httpx.Client, value: str) -> None:
    cookie = f"{COOKIE}={value}".encode("latin-1")
    assert guarded.get("/packs", headers={b"Cookie": cookie}).status_code == 401


def test_it_does_not_open_for_the_page_of_another_site(guarded: httpx.Client) -> None:
    guarded.post("/session", headers=BEARER)
    response = guarded.post("/chat", json={"message": "pump"}, headers={"Origin": "https://evil.example"})
    assert response.status_code == 403


def test_the_page_itself_is_open_to_all(guarded: httpx.Client) -> None:
    assert guarded.get("/").status_code == 200
    assert guarded.get("/page/absent.js").status_code == 404


def test_where_no_token_is_asked_for_there_is_no_cookie(client: httpx.Client) -> None:
    response = client.post("/session")
    assert response.json() == {"seconds": 0}
    assert "set-cookie" not in response.headers
