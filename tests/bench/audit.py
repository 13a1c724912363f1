"""The audit log: rows a second, the wait of one turn for its row, checking a log and a receipt.

The peer of a row is a bare append to a file with ``fdatasync``: what the disk itself takes, whatever is written.
"""

from __future__ import annotations

import os
import tempfile
import time
import zlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from edge.audit.entry import NewRow, make_commitment
from edge.audit.issue import issue_receipt
from edge.audit.log import AuditLog
from edge.audit.receipt import Receipt, write_body
from edge.audit.store import open_log
from edge.audit.turn import COMPRESSION, encode
from edge.audit.verify import check_head, verify
from tests.bench.figures import Figure, compute_percentile
from tests.bench.program import main, say

TURNS = 300
BATCH, BATCHES = 500, 20
SALT = bytes(16)


def run(options: Namespace) -> Iterator[Figure]:
    """Write turns one by one and in batches, and check them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "audit")
        say(f"{TURNS} turns, one after the other")
        yield from _measure_turns(folder, Path(scratch, "bare"))
        with closing(open_log(folder, "bench")) as store:
            say(f"{BATCH * BATCHES:,} rows in batches of {BATCH}")
            batches = [[_make_row(number) for number in range(BATCH)] for _ in range(BATCHES)]
            seconds, work = _time(lambda: [store.append(batch) for batch in batches])
            yield Figure("rows in batches", BATCH * BATCHES / seconds, "rows/s", ">= 5000")
            yield Figure("  by processor time", BATCH * BATCHES / work, "rows/s")
            rows = store.read_size()
            seconds, _ = _time(lambda: verify(store))
            yield Figure("verify", rows / seconds, "rows/s")
            seconds, _ = _time(lambda: check_head(store))
            yield Figure(f"check of the last of {rows:,} rows", seconds * 1000, "ms")
            text = str(issue_receipt(store, store.get_row(5)))
            times = [_time(lambda: Receipt.parse(text).check())[0] for _ in range(50)]
            yield Figure("receipt", len(text.encode()), "bytes", "<= 8192")
            yield Figure("  check", median(times) * 1000, "ms", "<= 50")


def _measure_turns(folder: Path, bare: Path) -> Iterator[Figure]:
    """Milliseconds that a turn waits, and those of it that are work of the processor."""
    log = AuditLog(folder, "bench")
    log.submit(_make_row(0)).result()
    waits, works, alone = [], [], []
    with bare.open("ab", buffering=0) as file:
        for number in range(TURNS):
            wait, work = _time(lambda number=number: log.submit(_make_row(number)).result())  # type: ignore[misc]
            waits.append(wait * 1000)
            works.append(work * 1000)
            start = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            alone.append((time.perf_counter() - start) * 1000)
    log.close()
    yield Figure("a turn's row, p50", median(waits), "ms", "", median(alone))
    yield Figure("a turn's row, p95", compute_percentile(waits, 95), "ms", "", compute_percentile(alone, 95))
    records = [_time(lambda: _make_row(1))[1] for _ in range(200)]
    yield Figure("  the record, made and compressed", sum(records) / 200 * 1000, "ms")
    yield Figure("  by processor time, p50", median(works), "ms", "<= 2")


def _make_row(number: int) -> NewRow:
    """Make the row of a turn with five passages and a prompt of 5 kB."""
    passage = {
        "pack": "pumps",
        "version": "1.0",
        "document": "px-200.md",
        "page": 12,
        "sha256": "ab" * 32,
        "n": 1,
    }
    answer = {
        "text": f"Tighten to {number} Nm. [1]",
        "mode": "extractive",
        "citations": [passage],
        "warnings": [],
        "unverified": [],
    }
    record = {
        "kind": "turn", "question": f"How tight is bolt {number}?", "scope": {"equipment": None, "packs": []},
        "passages": [passage] * 5, "prompt": [["user", " ".join(map(str, range(number, number + 1000)))]],
        "packs": [{"name": "pumps", "version": "1.0", "digest": "cd" * 32}], "answer": answer,
        "engine": "llama:7b", "model_sha256": "ef" * 32,
    }  # fmt: skip
    body = write_body(record)
    payload = zlib.compress(encode({**record, "salt": SALT.hex(), "receipt": body}), COMPRESSION)
    return NewRow(
        f"person {number % 7}", time.time_ns() // 10**6, make_commitment(SALT, body.encode()), payload
    )


def _time(call: Callable[[], object]) -> tuple[float, float]:
    """Return seconds by the clock, and of the processor."""
    start, work = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - work


if __name__ == "__main__":
    main(run)
