"""The audit log under kill -9: a row that was acknowledged is there, and the log verifies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

from edge.audit.store import open_log
from edge.audit.verify import verify

TIMES = 200
WRITER = """
import sys, threading
from pathlib import Path
from edge.audit.log import AuditLog
from tests.audit.conftest import make_row

log = AuditLog(Path(sys.argv[1]), "van")
def write(who):
    for number in range(10**9):
        told = log.submit(make_row(number, f"{who} {number // 7}")).result(60)
        sys.stdout.write(f"{told}\\n")
        sys.stdout.flush()
for who in range(int(sys.argv[2])):
    threading.Thread(target=write, args=(who,)).start()
"""


def test_killed_at_any_moment_no_acknowledged_row_is_lost(tmp_path: Path) -> None:
    """One log throughout, killed again and again, by turns with one and with four who ask at once."""
    random, acknowledged, folder = Random(1), -1, tmp_path / "audit"
    for attempt in range(TIMES):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(1 + 3 * (attempt % 2))],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
        ) as process:
            assert process.stdout is not None
            if attempt % 5:  # else it is killed while it opens the log
                process.stdout.readline()
            time.sleep(random.uniform(0, 0.05) if attempt % 5 else random.uniform(0, 0.6))
            process.send_signal(signal.SIGKILL)
            told = process.stdout.read().split(b"\n")[:-1]
        acknowledged = max([acknowledged, *map(int, told)])
        if acknowledged >= 0:
            with closing(open_log(folder, "van")) as store:
                assert store.read_size() > acknowledged
    with closing(open_log(folder, "van")) as store:
        verdict = verify(store)
        readable = all(store.read_payload(row) for row in store.list_rows())
    print(f"killed {TIMES} times, {acknowledged + 1} rows acknowledged, {verdict.rows} there")
    assert verdict.sound
    assert readable
    assert acknowledged > TIMES
