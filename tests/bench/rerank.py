"""How long a reranker reads: ``python -m tests.bench.rerank``.

The model is MiniLM-L6 (6 layers, width 384, Q8_0) with a ranking head of random weights: as fast as a trained one, its
scores without sense. Passages are 110 words each, from the starter pack.
"""

from __future__ import annotations

import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median

import gguf
import numpy as np

from edge.engine.embedder import BUNDLED
from edge.engine.reranker import LlamaReranker
from edge.retrieval.rerank import CANDIDATES
from tests.bench.figures import Figure
from tests.bench.packs import open_starter
from tests.bench.program import main, say

WORDS = 110
LAPS = 10
LIMIT_S = 0.15
QUESTION = "Which torque do the bolts of the pump housing need?"


def run(options: Namespace) -> Iterator[Figure]:
    """Sixteen passages through a small reranker."""
    passages = _read_passages()
    with tempfile.TemporaryDirectory() as folder:
        model = write_minilm_reranker(Path(folder, "minilm-rank-q8_0.gguf"))
        for threads in (1, 2):
            say(f"{CANDIDATES} passages of {WORDS} words, {threads} at a time")
            with closing(LlamaReranker(model, threads)) as reranker:
                yield from _measure(reranker, passages, threads)


def write_minilm_reranker(path: Path) -> Path:
    """Write the embedder that comes with edge, given a ranking head by chance."""
    (embedder,) = BUNDLED.glob("minilm-*.gguf")
    old, new = gguf.GGUFReader(embedder), gguf.GGUFWriter(path, "bert")
    for key, field in old.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", "bert.pooling_type"):
            kind, *inner = field.types
            new.add_key_value(key, field.contents(), kind, sub_type=inner[0] if inner else None)
    new.add_pooling_type(gguf.PoolingType.RANK)
    for tensor in old.tensors:
        new.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    width = int(old.tensors[0].shape[0])
    head = np.random.default_rng(0).standard_normal((width + 1, width)).astype(np.float32) * width**-0.5
    new.add_tensor("cls.weight", head[:width])
    new.add_tensor("cls.bias", head[0])
    new.add_tensor("cls.output.weight", head[width:])
    new.write_header_to_file()
    new.write_kv_data_to_file()
    new.write_tensors_to_file()
    new.close()
    return path


def _read_passages() -> list[str]:
    with open_starter() as pack:
        rows = pack.query("SELECT text FROM chunk ORDER BY id")
        words = [word for (text,) in rows for word in text.split()]
    stream = iter(words)
    return [" ".join(islice(stream, WORDS)) for _ in range(CANDIDATES)]


def _measure(reranker: LlamaReranker, passages: Sequence[str], threads: int) -> Iterator[Figure]:
    where = f"{threads} thread" + "s" * (threads > 1)
    reranker.score(QUESTION, passages)
    times, done = [], []
    spent = _read_processor_seconds(reranker)
    for _ in range(LAPS):
        start = time.perf_counter()
        reranker.score(QUESTION, passages)
        times.append(time.perf_counter() - start)
    each = (_read_processor_seconds(reranker) - spent) / LAPS / CANDIDATES
    yield Figure(f"rerank {CANDIDATES} passages, {where}", median(times) * 1000, "ms")
    yield Figure(f"processor time of each, {where}", each * 1000, "ms")
    times.clear()
    for _ in range(LAPS):
        start = time.perf_counter()
        done.append(len(reranker.score(QUESTION, passages, LIMIT_S)))
        times.append(time.perf_counter() - start)
    limit = LIMIT_S * 1000
    yield Figure(f"passages read in {limit:.0f} ms, {where}", median(done), "")
    yield Figure(
        f"time of that, the longest of {LAPS}, {where}", max(times) * 1000, "ms", f"<= {limit + 50:.0f}"
    )


def _read_processor_seconds(reranker: LlamaReranker) -> float:
    """Read what the worker has used up so far: busy neighbours change it less than they change the time on the
    clock."""
    fields = Path(f"/proc/{reranker.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(run)
