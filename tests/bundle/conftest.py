from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from tests.programs import small_program


@pytest.fixture
def program(tmp_path: Path) -> Bundle:
    return small_program(tmp_path)
