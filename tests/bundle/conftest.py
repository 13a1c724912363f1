from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from tests.programs import make_small_program


@pytest.fixture
def program(tmp_path: Path) -> Bundle:
    return make_small_program(tmp_path)
