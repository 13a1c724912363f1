"""The guard at the door: programs of this machine may talk to the server, and, with a token, others.

A page of a foreign web site in the technician's browser may not: its ``Origin`` betrays it, its ``Host`` when it
got here by DNS rebinding, ``Sec-Fetch-Site`` when it only embeds a picture.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.errors import ForbiddenError, UsageError
from edge.server.problems import respond_with

OPEN_TO_ALL = ("/", "/health")
OPEN_FOLDER = "/page/"
"""Health, and the files of the browser's page: there is nothing of the packs in them."""
COOKIE = "edge_session"
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""On every response that does not say otherwise."""

_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/?#@\s]+)(?::[0-9]{1,5})?")


class UnauthorizedError(ForbiddenError):
    """The token is missing or wrong."""

    http_status = 401
    title = "Unauthorized"


def check_token(host: str, token: str) -> None:
    """Refuse to listen where other machines can connect without a token.

    Raises:
        UsageError: the address is not loopback and there is no token.
    """
    if not is_loopback(host) and not token:
        raise UsageError(
            f"{host} can be reached from other machines, and no token is set.",
            "Set EDGE_TOKEN to a long random word, or listen on 127.0.0.1.",
        )


def is_loopback(host: str) -> bool:
    """Return True if a name or address means this machine and cannot be made to mean another."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def derive_cookie(token: str) -> str:
    """Return what a browser keeps in place of the token: it opens the same door, and is void once the token changes."""
    return hmac.new(token.encode(), b"edge: session of a browser", hashlib.sha256).hexdigest()


class Guard:
    """Middleware that lets a request through or answers it with a problem.

    Args:
        host: the address listened on.
        token: asked for unless that is loopback.
    """

    def __init__(self, app: ASGIApp, host: str, token: str) -> None:
        self._app = app
        self._host = host.lower()
        self._token = "" if is_loopback(host) else token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 403, or pass the request on."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._admit(Headers(scope=scope), scope["path"])
        except ForbiddenError as error:
            return await respond_with(error, scope["path"])(scope, receive, send_hardened)
        await self._app(scope, receive, send_hardened)

    def _admit(self, headers: Headers, path: str) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(parse_host(hosts[0])):
            raise ForbiddenError(
                "The Host header does not name this server.",
                f"Call it by the address it listens on, {self._host}, or localhost.",
            )
        if any(not self._is_same_origin(origin, hosts[0]) for origin in headers.getlist("origin")):
            raise ForbiddenError(
                "A page of another site may not use this server.", "Use it from a page of its own."
            )
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            raise ForbiddenError(
                "A page of another site may not embed what this server holds.", "Open it by a link."
            )
        if self._token and not _is_open(path) and not self._has_token(headers):
            raise UnauthorizedError(
                "This server asks for a token.", "Send 'Authorization: Bearer TOKEN' with its EDGE_TOKEN."
            )

    def _is_ours(self, host: str) -> bool:
        if is_loopback(host) or host == self._host:
            return True
        # A wildcard address is reached by any address of the machine. An address, unlike a name, cannot be rebound.
        return _is_wildcard(self._host) and (_is_address(host) or host == socket.gethostname().lower())

    def _is_same_origin(self, origin: str, host: str) -> bool:
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https"):
            return False
        return authority.lower() == host.lower() or is_loopback(parse_host(authority))

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(presented.strip().encode("latin-1"), self._token.encode())
        return (scheme.lower() == "bearer" and right) or self._has_cookie(headers)

    def _has_cookie(self, headers: Headers) -> bool:
        presented = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return hmac.compare_digest(presented.encode("latin-1"), derive_cookie(self._token).encode())


def parse_host(authority: str) -> str:
    """Return the host of ``host[:port]`` in lower case, without the brackets of IPv6; empty when it is not one."""
    match = _AUTHORITY.fullmatch(authority)
    return match[1].strip("[]").lower() if match else ""


def _is_open(path: str) -> bool:
    return path in OPEN_TO_ALL or path.startswith(OPEN_FOLDER)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_unspecified
