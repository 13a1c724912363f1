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
from fetch import cache_folder
from tests.engine.chain_model import write_chain_model
from tests.engine.workers import writer
from tests.server.conftest import serving

TEXT = "Use 25µl"
CONTEXT = 512
TINY = Path(__file__).parents[1] / "tiny_model" / "tiny.gguf"


@contextmanager
def scripted(_folder: Path) -> Iterator[ChatEngine]:
    yield ScriptedEngine(list(TEXT), context_words=CONTEXT)


@contextmanager
def llama(folder: Path) -> Iterator[LlamaEngine]:
    with closing(LlamaEngine(writer(chain(folder), CONTEXT, parallel=2, cells=2 * CONTEXT))) as engine:
        yield engine


@contextmanager
def openai_of_edge(folder: Path) -> Iterator[ChatEngine]:
    """Edge's own endpoint, with llama.cpp behind it."""
    settings = Settings(
        home=folder / "home", embedder="none", engine="llama", max_input_tokens=384, max_output_tokens=128
    )
    with (
        llama(folder) as behind,
        mock.patch.dict(plugins.BUILT_IN, llama=lambda _: behind),
        Edge(settings) as edge,
        serving(edge) as client,
        asking(f"{client.base_url}", behind.name) as engine,
    ):
        yield engine


@contextmanager
def openai_of_llama_server(folder: Path, model: Path | None = None) -> Iterator[ChatEngine]:
    """llama.cpp's own server, where it was built: EDGE_LLAMA_SERVER, or ``python build/llama_server.py``."""
    program = llama_server()
    if program is None:
        pytest.skip("llama-server was not built")
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    options = {"-m": model or chain(folder), "-t": 1, "-np": 2, "-c": 2 * CONTEXT, "--port": port}
    command = [program, *(str(part) for pair in options.items() for part in pair), "--no-webui", "--offline"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            until_ready(f"http://127.0.0.1:{port}/health")
            with asking(f"http://127.0.0.1:{port}", "") as engine:
                yield engine
        finally:
            process.kill()


def openai_of_llama_server_with_words(folder: Path) -> AbstractContextManager[ChatEngine]:
    """The same with a model of words: its grammar sampler does not take the vocabulary of bytes alone."""
    return openai_of_llama_server(folder, TINY)


ALL = CHATTING = (scripted, llama, openai_of_edge, openai_of_llama_server)
OBEYING = (scripted, llama, openai_of_edge, openai_of_llama_server_with_words)


@contextmanager
def asking(url: str, model: str) -> Iterator[OpenAIEngine]:
    settings = Settings(home=Path("/nonexistent"), openai_url=url, openai_model=model)
    with closing(OpenAIEngine.from_settings(settings, {})) as engine:
        yield engine


def chain(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "chain.gguf"
    return path if path.exists() else write_chain_model(path, TEXT)


def llama_server() -> Path | None:
    if named := os.environ.get("EDGE_LLAMA_SERVER"):
        return Path(named)
    return max(cache_folder().glob("llama-server-*/llama-server"), default=None)


def until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise TimeoutError(url)
