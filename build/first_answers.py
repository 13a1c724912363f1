"""The first answers of the demonstration: ``python build/first_answers.py`` needs edge's packages and nothing compiled.

It builds the starter pack to be searched by words alone, which takes seconds, and puts questions to it in a home that
is gone afterwards. ``build/demo.py`` shows the rest when llama.cpp and the embedder are there.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from demo import NUMBER, PROCEDURE, UNANSWERABLE, ask, run_edge, step
from fetch import SetupError, run_script
from pack_cache import STARTER


def main() -> None:
    """Answer from the starter pack, and say what is still missing."""
    check_model(os.environ.get("MODEL", ""))
    start = time.monotonic()
    step("first answers, by keyword alone")
    print(
        "    Not there yet: search by meaning (the embedder), and a language model (llama.cpp).", flush=True
    )
    answer_by_keyword(STARTER)
    print(f"\n    First answers after {time.monotonic() - start:.0f} s, quoted from the manuals.")
    step("the rest needs llama.cpp and the embedder")


def answer_by_keyword(source: Path) -> None:
    """Build the pack of ``source`` without an embedder, install it in a scratch home and put questions to it."""
    os.environ["EDGE_EMBEDDER"] = "none"
    with tempfile.TemporaryDirectory() as scratch:
        home, pack = Path(scratch, "home"), Path(scratch, f"{source.name}.kpack")
        run_edge(home, "pack", "build", str(source), "-o", str(pack))
        run_edge(home, "pack", "install", str(pack), "--unsigned")
        for question, mode in ((NUMBER, "extractive"), (PROCEDURE, "extractive"), (UNANSWERABLE, "refused")):
            print()
            ask(home, question, "extractive", expected=mode)


def check_model(model: str) -> None:
    """Raise `SetupError` when the language model to demonstrate does not exist: now, not when all is compiled."""
    if model and not Path(model).is_file():
        raise SetupError(f"there is no file {model}. MODEL= wants a language model as GGUF.")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    run_script(main)
