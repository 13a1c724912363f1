"""Benchmarks: programs that print a table, run by ``make bench*``. They measure; they never pass or fail."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build"))  # the cache folder and its packs
