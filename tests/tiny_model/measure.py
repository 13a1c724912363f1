"""How often the GGUF copies and cites without a fault, through llama.cpp:

python -m tests.tiny_model.measure tests/tiny_model/tiny.gguf knowledge_packs/starter/*.md --generated 200
"""

from __future__ import annotations

import argparse
import random
import re
import time
from pathlib import Path

from llama_cpp import Llama

from tests.tiny_model import text

SYSTEM = "Answer from the passages only and cite them as [n]. If they do not answer, say so."


def make_messages(passages: tuple[str, ...], question: str) -> list[dict[str, str]]:
    """Make the chat messages of a question, laid out as the product lays them out."""
    shown = [f"[{n}] manual.pdf, page {n}, Part > Section\n{p}" for n, p in enumerate(passages, 1)]
    user = "\n\n".join(["Passages:\n" + "\n\n".join(shown)] * bool(shown) + [f"Question: {question}"])
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


def read_markdown(path: Path) -> list[text.Example]:
    """Return every block of text of a Markdown file as passage [1], with the two after it; table rows as `a | b`."""
    body = re.sub(r"(?m)^[|:\- ]+\n|^\| | \|$", "", path.read_text(encoding="utf-8"))
    blocks = [b for b in body.split("\n\n") if b.strip() and not b.startswith("#")]
    asked = f"What does {path.stem.replace('-', ' ')} say?"
    return [
        text.Example(tuple(blocks[i : i + 3]), asked, text.find_opening(b) + text.CITATION)
        for i, b in enumerate(blocks)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("markdown", type=Path, nargs="*")
    parser.add_argument("--generated", type=int, default=0, help="held-out examples from the generator")
    args = parser.parse_args()
    r = random.Random(2026)
    cases = {"generated": [text.make_example(r) for _ in range(args.generated)]}
    cases |= {str(p): read_markdown(p) for p in args.markdown}
    llama = Llama(str(args.gguf), n_ctx=2048, n_threads=1, verbose=False)
    right, started = 0, time.monotonic()
    for source, examples in cases.items():
        for e in examples:
            chat = make_messages(e.passages, e.question)
            reply = llama.create_chat_completion(chat, temperature=0.0, max_tokens=400)  # type: ignore[arg-type]
            made = reply["choices"][0]["message"]["content"]  # type: ignore[index]
            right += made == e.answer
            if made != e.answer:
                print(f"{source}\n  wanted {e.answer!r}\n  made   {made!r}")
    n = sum(map(len, cases.values()))
    print(f"{right} of {n} exact ({right / n:.1%}), {(time.monotonic() - started) / n * 1000:.0f} ms each")


if __name__ == "__main__":
    main()
