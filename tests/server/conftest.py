from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from edge import plugins
from edge.app import Edge, Mode
from edge.config import Settings
from edge.engine.interface import Engine
from edge.ingest.build import build
from edge.packs.store import PackStore
from edge.server.app import create_app
from edge.server.run import Server, bind, make_url


class LocalClient(httpx.Client):
    """A client of a server in this process, which it can stop."""

    def __init__(self, server: Server, url: str) -> None:
        super().__init__(base_url=url, timeout=20)
        self._server = server

    def stop(self) -> None:
        self._server.should_exit = True


Start = Callable[..., LocalClient]

MANUAL = """# Starting the pump

Prime the pump before you start it. Open the suction valve first.

WARNING: Rotating parts. Keep your hands away from the coupling.

# Bearings

The motor bearing takes 12 grams of grease each year.
"""
VALVES = """<html><head><title>Valves</title></head><body><h1>Valves</h1>
<p>Tighten the flange bolts of the bypass valve to 45 Nm.</p><script>alert(1)</script></body></html>"""
SEALS = ("The shaft seal is replaced every 8000 hours.", "The gland nut is tightened by hand only.")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An EDGE_HOME with one pack: Markdown, HTML, and a PDF of two pages."""
    folder = tmp_path_factory.mktemp("server")
    source = folder / "source"
    (source / "drawings").mkdir(parents=True)
    (source / "pack.toml").write_text('name = "pumps"\nversion = "1.0"\ntitle = "Pump manuals"\n')
    (source / "pump.md").write_text(MANUAL)
    (source / "valves.html").write_text(VALVES)
    (source / "drawings" / "Dichtung größe.pdf").write_bytes(make_pdf(*SEALS))
    report = build(source, folder / "pumps.kpack")
    settings = Settings(home=folder / "home")
    PackStore(settings).install(report.path, allow_unsigned=True)
    return settings.home


@pytest.fixture(scope="session")
def settings(home: Path) -> Settings:
    """Keyword search and quotations: no model is loaded."""
    return Settings(home=home, embedder="none", engine="extractive")


@pytest.fixture(scope="session")
def edge(settings: Settings) -> Iterator[Edge]:
    with Edge(settings, Mode.SERVER) as made:
        yield made


@pytest.fixture(scope="session")
def client(edge: Edge) -> Iterator[LocalClient]:
    """A server for the tests that leave it as it was."""
    with serve(edge) as started:
        yield started


@pytest.fixture
def start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A server of one's own: ``start(engine, setting=value…)``."""
    with ExitStack() as stack:

        def start_server(
            plugged: Engine | None = None, /, host: str = "127.0.0.1", **changes: object
        ) -> LocalClient:
            if plugged is not None:
                monkeypatch.setitem(plugins.BUILT_IN, plugged.name, lambda settings: plugged)
                changes["engine"] = plugged.name
            edge = stack.enter_context(Edge(replace(settings, **changes), Mode.SERVER))
            return stack.enter_context(serve(edge, host))

        yield start_server


@contextmanager
def serve(edge: Edge, host: str = "127.0.0.1") -> Iterator[LocalClient]:
    """Serve in a thread, as the real server; connections go to 127.0.0.1 whatever it takes itself to listen on."""
    ready = threading.Event()
    with bind("127.0.0.1", 0) as listener:
        server = Server(create_app(edge, host), ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(10)
            with LocalClient(server, make_url("127.0.0.1", listener)) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive()


def make_pdf(*pages: str) -> bytes:
    """Return a PDF with one line of text on each page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        content = f"BT /F 10 Tf 20 150 Td ({text}) Tj ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    body, offsets = "%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    start = body.rindex("xref\n0")
    return f"{body}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
