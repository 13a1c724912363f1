"""A repository on a web server: any that serves files, through a proxy where there is one.

TLS keeps others from seeing what is fetched; what it is, the signatures say. Plain HTTP is for loopback and for hosts
that a setting names.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import quote, urljoin
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout, Url, make_headers, parse_url

from edge import __version__
from edge.config import Settings, parse_list
from edge.errors import CarrierError, EdgeError, NotFoundError, TrustError, UsageError
from edge.sync.carriers import reasons
from edge.sync.carriers.interface import require_inside
from edge.sync.carriers.watch import Watch

BLOCK = 1 << 16
MAX_REDIRECTS = 5
TIMEOUT = Timeout(connect=15, read=30)

_ABSENT = (403, 404, 410)  # object stores answer 403 for what does not exist
_REDIRECTS = (301, 302, 303, 307, 308)
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class HttpsCarrier:
    """A mirror at an address; ``metadata`` and ``targets`` are below it."""

    removable = False

    def __init__(self, address: str, settings: Settings, watch: Watch | None = None) -> None:
        """Take the address. Nothing is opened yet.

        Raises:
            UsageError: the address is none, or a plain one of a host that is not allowed to be.
        """
        self._base, self._settings = _parse(address, settings), settings
        self._watch = watch or Watch()
        self._managers: dict[str, urllib3.PoolManager] = {}

    @property
    def name(self) -> str:
        """Its address, without credentials."""
        return self._base._replace(auth=None).url.rstrip("/")

    def read_metadata(self, name: str, limit: int) -> bytes:
        """See ``Carrier``."""
        data = bytearray()
        for block in self._get(f"metadata/{quote(name, safe='')}", 0):
            data += block
            if len(data) > limit:
                raise CarrierError(
                    f"{self.name}: {name} is longer than {limit} bytes.", "Use another source."
                )
        return bytes(data)

    def read_payload(self, path: str, start: int, length: int) -> Generator[bytes, None, None]:
        """See ``Carrier``."""
        require_inside(self.name, path)
        left = length - start
        for block in self._get(f"targets/{quote(path)}", start):
            if len(block) > left:
                raise TrustError(
                    f"{self.name}: {path} is longer than the {length} bytes that were signed.",
                    "Use another source; tell whoever runs this one.",
                )
            left -= len(block)
            yield block
        if left:
            raise CarrierError(
                f"{self.name}: {path} ended {left} bytes early.", "The same command resumes there."
            )

    def close(self) -> None:
        """See ``Carrier``."""
        for manager in self._managers.values():
            manager.clear()
        self._watch.close()

    def _get(self, path: str, start: int) -> Iterator[bytes]:
        """Yield the bytes of a file (a quoted path) from ``start`` on, in blocks as they come."""
        with self._translate_errors(path), self._watch:
            response = self._open(path, start)
            try:
                skip = _count_skipped(response, start)
                while block := response.read1(BLOCK, decode_content=False):
                    self._watch.count(len(block))
                    skipped = min(skip, len(block))
                    skip -= skipped
                    if skipped < len(block):
                        yield block[skipped:]
                if response.length_remaining or self._watch.slow:
                    raise http.client.IncompleteRead(b"", response.length_remaining)
                response.release_conn()
            except BaseException:
                response.close()
                raise

    def _open(self, path: str, start: int) -> BaseHTTPResponse:
        address = parse_url(f"{self._base.url.rstrip('/')}/{path}")
        for _ in range(MAX_REDIRECTS):
            response = self._request(address, start)
            if response.status not in _REDIRECTS:
                return self._check(response, path)
            response.close()
            address = self._resolve_redirect(address, response.headers.get("Location", ""))
        raise CarrierError(f"{self.name}: {path} is redirected in a circle.", "Correct its address.")

    def _request(self, address: Url, start: int) -> BaseHTTPResponse:
        headers = {"Accept-Encoding": "identity", "User-Agent": f"edge/{__version__}"}
        if start:
            headers["Range"] = f"bytes={start}-"
        if self._base.auth and _get_origin(address) == _get_origin(self._base):
            headers |= make_headers(basic_auth=self._base.auth)
        manager = self._get_manager(address)
        response = manager.request(
            "GET", address._replace(auth=None).url, headers=headers, timeout=TIMEOUT, retries=False,
            redirect=False, preload_content=False, decode_content=False,
        )  # fmt: skip
        self._watch.mark_answered()
        return response

    def _check(self, response: BaseHTTPResponse, path: str) -> BaseHTTPResponse:
        if response.status in (200, 206):
            return response
        response.close()
        if response.status in _ABSENT:
            raise NotFoundError(
                f"{self.name} has no {path} (HTTP {response.status}).",
                "Check the address: below it must be 'metadata' and 'targets'. Or the mirror is incomplete.",
            )
        raise CarrierError(
            f"{self.name} answered {path} with HTTP {response.status}.",
            "Try again later, or use another source.",
        )

    def _resolve_redirect(self, address: Url, location: str) -> Url:
        """Return the target of a redirect, if it may be followed: to TLS, or to the same server."""
        target = parse_url(urljoin(address.url, location))
        if target.scheme != "https" and _get_origin(target) != _get_origin(address):
            raise CarrierError(
                f"{self.name} redirects to {target._replace(auth=None).url}, which is not https.",
                "Use another source; tell whoever runs this one.",
            )
        return target

    def _get_manager(self, address: Url) -> urllib3.PoolManager:
        """Return the connections to an address, by the proxy that leads to it."""
        proxy = _choose_proxy(address, self._settings)
        if proxy not in self._managers:
            self._managers[proxy] = manager = _make_manager(proxy)
            manager.pool_classes_by_scheme = _make_watched_pools(self._watch)
        return self._managers[proxy]

    @contextmanager
    def _translate_errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except EdgeError:
            raise
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            if self._watch.slow:
                raise CarrierError(
                    f"{self.name} is too slow: {self._watch} of {path}.",
                    "What has come is kept: the same command resumes. Or use another source.",
                ) from error
            reason, hint = reasons.explain(error)
            raise CarrierError(f"{self.name}: {path} {reason}.", hint) from error


def _parse(address: str, settings: Settings) -> Url:
    try:
        url = parse_url(address)
    except LocationParseError as error:
        raise UsageError(f"{address} is no address.", "For example: https://mirror.example/edge") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise UsageError(f"{address} is no address.", "For example: https://mirror.example/edge")
    allowed = url.scheme == "https" or _is_loopback(url) or url.host in parse_list(settings.http_hosts)
    if not allowed:
        raise UsageError(
            f"{address} is without TLS: others could see what is fetched.",
            f'Use https://, or allow it with the setting http_hosts = "{url.host}".',
        )
    return url


def _is_loopback(url: Url) -> bool:
    host = (url.host or "").strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _get_origin(url: Url) -> tuple[str | None, str | None, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme or "")


def _choose_proxy(address: Url, settings: Settings) -> str:
    """Return the proxy to an address: none to this machine, else the setting's, else the environment's."""
    if settings.proxy == "none" or _is_loopback(address):
        return ""
    if settings.proxy:
        return settings.proxy
    if proxy_bypass(f"{(address.host or '').strip('[]')}:{_get_origin(address)[2]}"):
        return ""
    proxies = getproxies()
    return proxies.get(address.scheme or "", proxies.get("all", ""))


def _make_manager(proxy: str) -> urllib3.PoolManager:
    if not proxy:
        return urllib3.PoolManager(maxsize=1)
    try:
        url = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        credentials = make_headers(proxy_basic_auth=url.auth) if url.auth else None
        return urllib3.ProxyManager(url._replace(auth=None).url, proxy_headers=credentials, maxsize=1)
    except (HTTPError, ValueError) as error:
        raise UsageError(
            f"The proxy {proxy.rpartition('@')[2]} cannot be used: {error}.",
            "Correct the setting 'proxy' or the variable HTTPS_PROXY: http://host:port.",
        ) from error


def _make_watched_pools(watch: Watch) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's connections, each given to the watch as soon as it is open."""
    import socket

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return watch.follow(super()._new_conn())

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return watch.follow(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _count_skipped(response: BaseHTTPResponse, start: int) -> int:
    """Return how many bytes come before ``start``: none if the server resumes, all if it begins again."""
    if response.status == 200:
        return start
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if not start or match is None or int(match[1]) != start:
        raise http.client.HTTPException("another part than was asked for")
    return 0
