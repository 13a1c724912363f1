"""Scenarios, for tests that ``make torture`` runs with ``disk.c`` loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packs.conftest import make_pack

pytest.register_assert_rewrite("tests.torture.scenario")
from tests.torture.scenario import NAMES, Scenario, prepare  # noqa: E402

__all__ = ["make_pack"]


@pytest.fixture(params=NAMES)
def scenario(request: pytest.FixtureRequest, tmp_path: Path, make_pack: Callable[..., Path]) -> Scenario:
    if "LD_PRELOAD" not in os.environ:
        pytest.fail("`make torture` loads the disk that these tests need")
    return prepare(request.param, tmp_path, make_pack)
