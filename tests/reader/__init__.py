"""How the reader is trained: labelled questions, the manuals they are about, and the scripts that fit and judge."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build"))  # the cache folder and its packs
