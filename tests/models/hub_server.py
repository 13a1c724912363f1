"""A model hub on loopback: it speaks what huggingface_hub asks of one, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it holds and how it behaves.

    ``cuts`` are the bytes after which the next downloads break off, or say nothing until ``go_on`` if it ``stalls``;
    ``sent`` replaces a file's bytes on their way; ``promised`` replaces what is said of its SHA-256; ``refuse`` is an
    HTTP status with an error code for everything.
    """

    repository: str = "owner/model-GGUF"
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    sent: dict[str, bytes] = field(default_factory=dict)
    promised: dict[str, str] = field(default_factory=dict)
    without_lfs: bool = False
    redirects: bool = False
    stalls: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    ranges: bool = True
    refuse: tuple[int, str] | None = None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    address: str = ""
    elsewhere: str = ""

    def hash_file(self, path: str) -> str:
        return self.promised.get(path) or hashlib.sha256(self.files[path]).hexdigest()

    def list_downloads(self) -> list[str]:
        """Return the ranges of all downloads, in order; empty for a whole file."""
        return [
            headers.get("range", "")
            for method, _, headers in self.requests
            if method == "GET" and _is_file(_)
        ]


def _is_file(path: str) -> bool:
    return "/resolve/" in path or path.startswith("/cdn/")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append((self.command, path, headers))
        if self.hub.refuse:
            return self._reply(self.hub.refuse[0], {"X-Error-Code": self.hub.refuse[1]}, b"")
        tree = f"/api/models/{self.hub.repository}/tree/"
        resolve = f"/{self.hub.repository}/resolve/"
        if path.startswith(tree):
            return self._send_tree(path.removeprefix(tree))
        if path.startswith("/cdn/"):
            return self._send_file(path.removeprefix("/cdn/"))
        if path.startswith(resolve):
            revision, _, name = path.removeprefix(resolve).partition("/")
            if revision in ("main", COMMIT) and name in self.hub.files:
                return self._resolve(name)
            return self._reply(404, {"X-Error-Code": "EntryNotFound"}, b"")
        return self._reply(404, {"X-Error-Code": "RepoNotFound"}, b"")

    def _send_tree(self, revision: str) -> None:
        if revision not in ("main", COMMIT):
            return self._reply(404, {"X-Error-Code": "RevisionNotFound"}, b"")
        entries: list[dict[str, Any]] = [{"type": "directory", "path": "images", "oid": "0" * 40, "size": 0}]
        for name, data in self.hub.files.items():
            entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": "1" * 40}
            if not self.hub.without_lfs:
                entry["lfs"] = {"oid": self.hub.hash_file(name), "size": len(data), "pointerSize": 130}
            entries.append(entry)
        return self._reply(200, {"Content-Type": "application/json"}, json.dumps(entries).encode())

    def _resolve(self, name: str) -> None:
        linked = {
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(len(self.hub.files[name])),
            "X-Linked-Etag": f'"{self.hub.hash_file(name)}"',
        }
        if self.hub.redirects:
            return self._reply(302, {**linked, "Location": f"{self.hub.elsewhere}/cdn/{name}"}, b"")
        return self._send_file(name, linked)

    def _send_file(self, name: str, headers: dict[str, str] | None = None) -> None:
        data = self.hub.sent.get(name, self.hub.files[name])
        asked = self.headers.get("Range", "")
        status, extra = 200, {"ETag": '"some-etag"', "Accept-Ranges": "bytes", **(headers or {})}
        if asked and self.hub.ranges:
            start = int(asked.removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                return self._reply(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            status, data = 206, data[start:]
        return self._reply(status, extra, data, cut=True)

    def _reply(self, status: int, headers: dict[str, str], body: bytes, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if cut and self.hub.cuts:
            self.wfile.write(body[: self.hub.cuts.pop(0)])
            self.close_connection = True
            if self.hub.stalls:
                self.wfile.flush()
                self.hub.stalled.set()
                self.hub.go_on.wait()
            return
        self.wfile.write(body)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve the hub at ``hub.address``, and by a second name, another host to a client, at ``hub.elsewhere``."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    hub.elsewhere = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
