"""The demonstration: ``python build/demo.py`` builds and installs our packs and puts questions to them.

Everything is done by the ``edge`` command, with ``.demo`` as EDGE_HOME unless that is set. ``MODEL=file.gguf`` lets
your language model answer instead of the tiny one that the tests use.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from fetch import SetupError, run_script
from pack_cache import EDGE, HANDBOOK, ROOT, STARTER, build_cached_pack, build_with_edge

TINY_MODEL = ROOT / "tests" / "tiny_model" / "tiny.gguf"
TINY_LABEL = "the demonstration model: it can only copy the opening of the first passage"

NUMBER = "What torque for an M12 bolt of class 8.8?"
PROCEDURE = "What are the steps to lock out a machine?"
EXPLANATION = "Why does a pump cavitate?"
UNANSWERABLE = "How do I reset the password of the office printer?"
ABOUT_EDGE = "How do I rotate a lost key?"

WIDTH = 100


def main() -> None:
    """Build, install, ask."""
    home = Path(os.environ.get("EDGE_HOME") or ROOT / ".demo").absolute()
    step("the starter pack, from the documents in knowledge_packs/starter")
    pack = build_cached_pack(STARTER, build_with_edge)
    run_edge(home, "pack", "install", str(pack), "--unsigned")
    step("a number, quoted from a table")
    ask(home, NUMBER, "extractive")
    step("a procedure, quoted step by step")
    ask(home, PROCEDURE, "extractive")
    if model := os.environ.get("MODEL"):
        step(f"an answer written by {Path(model).name}, through llama.cpp")
        ask_model(home, Path(model))
    else:
        step(f"an answer written through llama.cpp by {TINY_LABEL}")
        ask_tiny_model(pack)
    step("a question that the pack does not answer")
    ask(home, UNANSWERABLE, "extractive", expected="refused")
    step("edge's own handbook, from knowledge_packs/handbook, which is a pack too")
    run_edge(home, "pack", "install", str(build_cached_pack(HANDBOOK, build_with_edge)), "--unsigned")
    ask(home, ABOUT_EDGE, "extractive")
    suggest(home)


def ask_model(home: Path, model: Path) -> None:
    """Install a language model, use it from now on and ask it; a quotation will do if what it writes does not hold."""
    run_edge(home, "model", "add", str(model.absolute()))
    run_edge(home, "model", "use", model.stem)
    ask(home, EXPLANATION, "llama", expected="generated", or_else="extractive")


def ask_tiny_model(pack: Path) -> None:
    """Ask the tiny model, in a home of its own: it is no model for anything else."""
    with tempfile.TemporaryDirectory() as home:
        run_edge(Path(home), "pack", "install", str(pack), "--unsigned", quiet=True)
        run_edge(Path(home), "model", "add", str(TINY_MODEL))
        ask(Path(home), EXPLANATION, "llama", expected="generated")


def ask(home: Path, question: str, engine: str, expected: str = "extractive", or_else: str = "") -> None:
    """Ask and show the answer.

    Raises:
        SetupError: it is empty, cites nothing, or did not come about as expected.
    """
    print(f"$ edge ask {shlex.quote(question)} --engine {engine}\n", flush=True)
    answer = json.loads(run_edge(home, "ask", question, "--engine", engine, "--json", quiet=True))
    show(answer)
    if not answer["answer"].strip():
        raise SetupError("the answer is empty.")
    if not answer["citations"]:
        raise SetupError("the answer names no page.")
    if answer["mode"] not in (expected, or_else):
        raise SetupError(f"the answer is {answer['mode']}; {expected} was expected.")


def show(answer: dict[str, Any]) -> None:
    """Show an answer with its warnings and where it stands."""
    print_paragraphs(answer["answer"], "    ")
    for warning in answer["warnings"]:
        print_paragraphs(f"! {warning['text']} [{warning['citation']}]", "    ")
    print()
    for citation in answer["citations"]:
        print(
            f"    [{citation['n']}] {citation['document']}, page {citation['page_from']}: {citation['heading']}"
        )
    if notice := answer.get("notice"):
        print_paragraphs(f"Note: {notice}", "    ")
    print(f"    {answer['engine']}, {answer['timings_ms']['total'] / 1000:.1f} s", flush=True)


def suggest(home: Path) -> None:
    """Say what to try next."""
    shown = home.relative_to(ROOT) if home.is_relative_to(ROOT) else home
    program = EDGE.relative_to(ROOT) if EDGE.is_relative_to(ROOT) else EDGE
    step("it works. Try next:")
    for command in (
        'ask "How do I clean a fibre connector?"',
        "chat",
        "serve",
        "pack build FOLDER -o FILE.kpack",
    ):
        print(f"    EDGE_HOME={shown} {program} {command}")


def run_edge(home: Path, *arguments: str, quiet: bool = False) -> str:
    """Run the ``edge`` command and return its output, which is shown unless ``quiet``.

    Raises:
        SetupError: it failed; it has said why on standard error.
    """
    environment = os.environ | {"EDGE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise SetupError(f"`edge {shlex.join(arguments)}` ended with exit code {done.returncode}.")
    if not quiet:
        print_paragraphs(done.stdout.strip(), "    ")
    return done.stdout


def print_paragraphs(text: str, indent: str) -> None:
    """Print lines, wrapped where they are long."""
    for line in text.splitlines():
        print(textwrap.fill(line, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "), flush=True)


def step(text: str) -> None:
    """Say what comes now."""
    print(f"\n==> {text}", flush=True)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    run_script(main)
