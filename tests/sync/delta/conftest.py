from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ISOLATION, PUMPS, PX_200, PX_300, BuildPack

LATER = {
    "a.md": PX_300.replace("PX-300", "PX-100").replace("45 Nm", "12 Nm"),
    "isolation.md": ISOLATION,
    "px-200.md": PX_200.replace("8 Nm", "9 Nm") + "\n## Seals\n\nReplace the seals after 4,000 hours.\n",
}
"""What became of ``PUMPS``: one document new, one as it was, one edited, one gone."""


@pytest.fixture(scope="session")
def old(build_pack: BuildPack) -> Path:
    return build_pack(PUMPS)


@pytest.fixture(scope="session")
def new(build_pack: BuildPack) -> Path:
    return build_pack(LATER, version="1.1")
