"""Every engine that comes with edge, made to say TEXT."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from unittest import mock

import httpx
import pytest

from edge import plugins
from edge.app import Edge
from edge.config import Settings
from edge.engine.interface import ChatEngine
from edge.engine.llama import LlamaEngine
from edge.engine.openai import OpenAIEngine
from edge.engine.scripted import ScriptedEngine
from edge.server.run import bind
from fetch import make_cache_folder
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import make_writer
from tests.server.conftest import serve

TEXT = "Use 25µl"
CONTEXT = 512
TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


@contextmanager
def open_scripted(_folder: Path) -> Iterator[ChatEngine]:
    yield ScriptedEngine(list(TEXT), context_words=CONTEXT)


@contextmanager
def llama(folder: Path) -> Iterator[LlamaEngine]:
    with closing(
        LlamaEngine(make_writer(make_chain_model(folder), CONTEXT, parallel=2, cells=2 * CONTEXT))
    ) as engine:
        yield engine


@contextmanager
def open_edge_endpoint(folder: Path) -> Iterator[ChatEngine]:
    """Open edge's own endpoint, with llama.cpp behind it."""
    settings = Settings(
        home=folder / "home", embedder="none", engine="llama", max_input_tokens=384, max_output_tokens=128
    )
    with (
        llama(folder) as behind,
        mock.patch.dict(plugins.BUILT_IN, llama=lambda _: behind),
        Edge(settings) as edge,
        serve(edge) as client,
        open_openai(f"{client.base_url}", behind.name) as engine,
    ):
        yield engine


@contextmanager
def open_llama_server(folder: Path, model: Path | None = None) -> Iterator[ChatEngine]:
    """Open llama.cpp's own server, where it was built: EDGE_LLAMA_SERVER, or ``python build/llama_server.py``."""
    program = find_llama_server()
    if program is None:
        pytest.skip("llama-server was not built")
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    options = {"-m": model or make_chain_model(folder), "-t": 1, "-np": 2, "-c": 2 * CONTEXT, "--port": port}
    command = [program, *(str(part) for pair in options.items() for part in pair), "--no-webui", "--offline"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/health")
            with open_openai(f"http://127.0.0.1:{port}", "") as engine:
                yield engine
        finally:
            process.kill()


def open_llama_server_with_words(folder: Path) -> AbstractContextManager[ChatEngine]:
    """Open the same with a model of words: its grammar sampler does not take the vocabulary of bytes alone."""
    return open_llama_server(folder, TINY)


ALL = CHATTING = (open_scripted, llama, open_edge_endpoint, open_llama_server)
OBEYING = (open_scripted, llama, open_edge_endpoint, open_llama_server_with_words)


@contextmanager
def open_openai(url: str, model: str) -> Iterator[OpenAIEngine]:
    settings = Settings(home=Path("/nonexistent"), openai_url=url, openai_model=model)
    with closing(OpenAIEngine.from_settings(settings, {})) as engine:
        yield engine


def make_chain_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "chain.gguf"
    return path if path.exists() else write_chain_model(path, TEXT)


def find_llama_server() -> Path | None:
    if named := os.environ.get("EDGE_LLAMA_SERVER"):
        return Path(named)
    return max(make_cache_folder().glob("llama-server-*/llama-server"), default=None)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise TimeoutError(url)
