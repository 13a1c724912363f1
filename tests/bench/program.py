"""The frame of a benchmark program: runs benchmarks, prints their figures, writes them with ``--out FILE``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.figures import Figure, describe_machine, format_table

Benchmark = Callable[[argparse.Namespace], Iterator[Figure]]


def say(text: str) -> None:
    """Tell what is going on. Standard output is kept for the table."""
    print(f"    {text}", file=sys.stderr, flush=True)


def main(*benchmarks: Benchmark) -> None:
    """Run benchmarks one after the other."""
    parser = argparse.ArgumentParser(description="Measure, print a table of figures.")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--full", action="store_true", help="include what takes many minutes")
    options = parser.parse_args()
    print(describe_machine())
    figures = []
    for benchmark in benchmarks:
        say((benchmark.__doc__ or "").splitlines()[0])
        figures += list(benchmark(options))
    print(format_table(figures))
    print(describe_machine())
    if options.out:
        values = {
            f.name: {"value": f.value, "unit": f.unit, "peer": f.peer, "ratio": f.ratio} for f in figures
        }
        options.out.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
