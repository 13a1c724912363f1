"""Endurance: ``make soak`` puts thousands of requests to ``edge serve`` as rude clients do, and kills its worker."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build"))  # the cache folder and its packs
