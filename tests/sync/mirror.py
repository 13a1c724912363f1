"""A web server on this machine that serves a folder, well or in one of many bad ways."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

BLOCK = 1 << 16


class Mirror:
    """``ways`` says how a file is served whose path contains the key; ``asked`` are the requests, with their Range.

    ``sent`` counts the payload bytes that were sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ways: dict[str, Way] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.sent = 0
        self.closing = Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: _Handler(self, *args))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # type: ignore[method-assign]  # clients hang up as they please

    @property
    def address(self) -> str:
        scheme = "https" if isinstance(self.server.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server.server_port}"


class Request(BaseHTTPRequestHandler):
    """What a way of serving sees: the file, where to begin, and the connection."""

    protocol_version = "HTTP/1.1"
    mirror: Mirror
    data: bytes
    start: int

    def send_head(self, status: int = 0, **headers: object) -> None:
        status = status or (206 if self.start else 200)
        self.send_response(status)
        fields: dict[str, object] = {"Content-Length": len(self.data) - self.start}
        if status == 206:
            fields["Content-Range"] = f"bytes {self.start}-{len(self.data) - 1}/{len(self.data)}"
        for name, value in (fields | {name.replace("_", "-"): v for name, v in headers.items()}).items():
            self.send_header(name, str(value))
        self.end_headers()

    def send_body(self, data: bytes) -> None:
        if "/targets/" in self.path:
            self.mirror.sent += len(data)
        self.wfile.write(data)
        self.wfile.flush()


Way = Callable[[Request], None]


def serve_well(request: Request) -> None:
    request.send_head()
    request.send_body(request.data[request.start :])


def cut_after(length: int, times: int = 1 << 30) -> Way:
    """Breaks the connection after so many bytes, so many times."""
    left = [times]

    def answer(request: Request) -> None:
        if left[0] == 0:
            return serve_well(request)
        left[0] -= 1
        request.send_head()
        request.send_body(request.data[request.start : request.start + length])
        request.close_connection = True

    return answer


def serve_without_ranges(request: Request) -> None:
    request.start = 0
    serve_well(request)


def serve_another_range(request: Request) -> None:
    request.send_head(206, Content_Range=f"bytes 0-{len(request.data) - 1}/{len(request.data)}")
    request.send_body(request.data[request.start :])


def longer(request: Request) -> None:
    request.data += b"x" * 1000
    serve_well(request)


def serve_endlessly(request: Request) -> None:
    """Never end, and never say how long it is."""
    request.send_response(206 if request.start else 200)
    request.send_header("Connection", "close")
    request.end_headers()
    request.close_connection = True
    while not request.mirror.closing.is_set():
        request.send_body(b"x" * BLOCK)


def trickle(request: Request) -> None:
    """Send a byte now and then, for ever."""
    request.send_head()
    for byte in request.data[request.start :]:
        request.send_body(bytes([byte]))
        if request.mirror.closing.wait(0.02):
            return


def trickle_headers(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not request.mirror.closing.wait(0.02):
        request.wfile.write(b"X-Wait: yes\r\n" if not request.mirror.closing.is_set() else b"\r\n")
        request.wfile.flush()


def make_status(code: int) -> Way:
    def answer(request: Request) -> None:
        request.send_head(code, Content_Length=0)

    return answer


def redirect(location: Callable[[str], str]) -> Way:
    def answer(request: Request) -> None:
        request.send_head(302, Location=location(request.path), Content_Length=0)

    return answer


@contextmanager
def serve(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[Mirror]:
    mirror = Mirror(folder)
    if tls:
        mirror.server.socket = tls.wrap_socket(mirror.server.socket, server_side=True)
    thread = Thread(target=mirror.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.closing.set()
        mirror.server.shutdown()
        mirror.server.server_close()
        thread.join()


class _Handler(Request):
    def __init__(self, mirror: Mirror, *args: object) -> None:
        self.mirror = mirror
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        path = re.sub(r"^https?://[^/]+", "", self.path)  # asked as a proxy
        self.mirror.asked.append((self.path, wanted))
        ways = [way for key, way in self.mirror.ways.items() if key in path]
        file = self.mirror.folder / path.lstrip("/")
        self.data = file.read_bytes() if file.is_file() else b""
        self.start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        with suppress(OSError):
            if not file.is_file() and not ways:
                self.send_head(404, Content_Length=0)
            else:
                (ways[0] if ways else serve_well)(self)

    def log_message(self, *_: object) -> None:
        pass
