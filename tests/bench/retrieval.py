"""How well passages are found and questions answered: ``make bench-retrieval``."""

from __future__ import annotations

from tests.bench import answers, judged
from tests.bench.program import main

if __name__ == "__main__":
    main(judged.run, answers.run)
