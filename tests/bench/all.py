"""Every benchmark: ``make bench``."""

from __future__ import annotations

from tests.bench import answers, building, judged, rerank, scale, startup
from tests.bench.program import main

if __name__ == "__main__":
    main(judged.run, answers.run, scale.run, rerank.run, startup.run, building.run)
