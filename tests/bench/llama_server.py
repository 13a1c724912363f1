"""llama-server, the peer of the engine: built from the same source, run with the same model, threads and context.

The client is as cheap as one can be: it notes when bytes come and reads them when all is over.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import llama_server
from tests.bench.exchange import Exchange, read_processor_seconds

POLL_S = 0.002
ENVIRONMENT = os.environ | {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
"""As the engine starts its workers: threads that wait do not spin."""

_TEXT = re.compile(rb'"content":"(?!")')


def find_program() -> Path:
    """Find ``EDGE_LLAMA_SERVER``, else the one built from the pinned source."""
    named = os.environ.get("EDGE_LLAMA_SERVER")
    return Path(named) if named else llama_server.build_server()


class LlamaServer:
    """A running server; closing it ends the process.

    Args:
        model: a GGUF.
        threads: of llama.cpp.
        parallel: slots.
        cells: tokens the KV cache holds for all of them.
        more: further options of the command line.
        repack: as the engine's option of this name; the server's own default is to do it.
    """

    def __init__(
        self, model: Path, threads: int, parallel: int, cells: int, *more: str, repack: bool = False
    ) -> None:
        self._port = _find_free_port()
        options = {
            "-m": model, "-t": threads, "-np": parallel, "-c": cells, "--port": self._port,
            "--host": "127.0.0.1", "-lv": 1,
        }  # fmt: skip
        command = [str(find_program()), *(str(part) for pair in options.items() for part in pair)]
        flags = (
            "--kv-unified",
            "--no-warmup",
            "--no-webui",
            "--offline",
            "--fit",
            "off",
            "--repack" if repack else "--no-repack",
        )
        self.process = subprocess.Popen(
            [*command, *flags, *more],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def processor_s(self) -> float:
        """Seconds the process has computed so far."""
        return read_processor_seconds(self.process.pid)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def wait_until_ready(self) -> None:
        """Return as soon as it takes requests."""
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"llama-server ended with {self.process.returncode}")
            try:
                if self._talk(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")[0]:
                    return
            except OSError:
                pass
            time.sleep(POLL_S)

    def ask(self, messages: Sequence[dict[str, str]], tokens: int, **more: Any) -> Exchange:
        """Let it answer greedily with so many tokens, streaming."""
        values = {
            "messages": messages,
            "max_tokens": tokens,
            "temperature": 0,
            "samplers": ["top_k"],
            "top_k": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
            **more,
        }
        body = json.dumps(values).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        ok, data, first = self._talk(head.encode() + body)
        end = time.perf_counter()
        if not ok or not first:
            raise SystemExit(f"llama-server: {data[:500]!r}")
        timings = _find_last(data, b'"timings":')
        return Exchange(
            start,
            first,
            end,
            timings["prompt_n"] + timings["cache_n"],
            timings["cache_n"],
            timings["predicted_n"],
        )

    def _talk(self, request: bytes) -> tuple[bool, bytes, float]:
        """Send a request; whether the answer is 200, all of it, and when its first text came."""
        data, first = bytearray(), 0.0
        with closing(socket.create_connection(("127.0.0.1", self._port))) as connection:
            connection.sendall(request)
            while part := connection.recv(1 << 16):
                data += part
                if not first and _TEXT.search(data):
                    first = time.perf_counter()
        return data.startswith(b"HTTP/1.1 200"), bytes(data), first


def _find_last(data: bytes, key: bytes) -> dict[str, int]:
    """Find the last JSON object under this key."""
    found: dict[str, int] = json.JSONDecoder().raw_decode(data[data.rindex(key) + len(key) :].decode())[0]
    return found


def _find_free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port
