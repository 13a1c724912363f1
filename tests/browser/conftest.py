"""The page in a real browser: Chromium without a screen, on `edge serve` with two small packs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pack_cache import STARTER

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AXE = ROOT / "edge" / "server" / "page" / "source" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = os.environ.get("EDGE_CHROMIUM") or shutil.which("chromium") or "chromium"
WIDTHS = (360, 768, 1920)
WAIT_MS = 60_000
"""For an answer on a machine that has much else to do."""

FIELD = ("fasteners-and-torque.md", "lock-out-tag-out.md", "multimeter-use.md")
"""Of the starter pack, which as a whole takes minutes to build."""

PUMPS_TOML = """name = "pumps"
version = "1.0"
title = "Pumps of the PX series"

[documents."px-200.pdf"]
applies_to = ["PX-200"]
[documents."px-300.md"]
applies_to = ["PX-300"]
"""
PX_300 = """# PX-300 pump

## Tightening torques

The housing bolts of the PX-300 are tightened to 45 Nm. The coupling bolts are tightened to 12 Nm.

## Grease

| Place | Grease (g) |
|---|---|
| Front bearing | 12 |
| Rear bearing | 18 |
"""


@dataclass
class Service:
    """``edge serve`` in a process of its own, which can be killed and started again at the same address."""

    home: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        environment = os.environ | {"EDGE_HOME": str(self.home)} | self.settings
        command = [sys.executable, "-m", "edge", "serve", "--host", self.host, "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}health", timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None, "edge serve ended"
                assert time.monotonic() < deadline, "edge serve does not answer"
                time.sleep(0.1)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()


def find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run_edge(home: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        env=os.environ | {"EDGE_HOME": str(home)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Path:
    """An EDGE_HOME with the field's knowledge and the pumps; the PDF is printed from HTML, with outline and pages."""
    folder = tmp_path_factory.mktemp("browser")
    source = folder / "source"
    source.mkdir()
    page = browser.new_page()
    page.goto((HERE / "px-200.html").as_uri())
    page.pdf(path=source / "px-200.pdf", format="A4", outline=True, tagged=True)
    page.close()
    (source / "pack.toml").write_text(PUMPS_TOML)
    (source / "px-300.md").write_text(PX_300)
    field_source = folder / "field"
    field_source.mkdir()
    for name in ("pack.toml", *FIELD):
        shutil.copy(STARTER / name, field_source)
    for each in (source, field_source):
        pack = folder / f"{each.name}.kpack"
        run_edge(folder / "home", "pack", "build", str(each), "-o", str(pack))
        run_edge(folder / "home", "pack", "install", str(pack), "--unsigned")
    return folder / "home"


@contextmanager
def running(home: Path, host: str = "127.0.0.1", **settings: str) -> Iterator[Service]:
    service = Service(home, find_port(), {"EDGE_ENGINE": "extractive"} | settings, host)
    service.start()
    try:
        yield service
    finally:
        service.kill()


@pytest.fixture(scope="session")
def service(home: Path) -> Iterator[Service]:
    with running(home) as started:
        yield started


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, service: Service) -> Iterator[OpenPage]:
    """``open_page(width, path="", url=None, **context)``; an error on the page's console fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def call(width: int = 1920, path: str = "", url: str | None = None, **options: Any) -> Page:
        touch = width < 500
        sizes = {360: 740, 768: 1024}
        context = browser.new_context(
            viewport={"width": width, "height": sizes.get(width, 1080)},
            has_touch=touch,
            is_mobile=touch,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
        page.goto((url or service.url) + path)
        return page

    yield call
    for context in contexts:
        context.close()
    assert errors == []


def ask(page: Page, question: str) -> None:
    """Ask by keyboard and wait for the end of the turn."""
    turns = page.locator(".turn").count()
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.locator(".turn").nth(turns).locator(".actions").wait_for()


def find_violations(page: Page, *rules: str) -> list[str]:
    """Return what axe has against the page as it is; with ``rules``, those alone."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
