"""A pack with the procedures of a pump, and jobs in an EDGE_HOME of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import Settings
from edge.jobs.procedure import Procedure, list_procedures
from edge.jobs.store import Jobs
from edge.packs.pack import Pack
from tests.conftest import OpenPack

MANUAL = """# PX-200 pump

WARNING: Only qualified persons may open this pump.

## Tools

- 10 mm spanner
- torque wrench

## Changing the seal

WARNING: The pump starts without notice. Lock out the mains before you open the housing.

To change the seal:

1. Close the discharge valve.
2. Drain the housing until the pressure is below 0.2 bar.
   - Catch the oil.
3. Fit seal part no. 4711-23.

CAUTION: The spring is under load.

4. Tighten the bolts to 50 Nm.
5. Run the pump; it must reach between 2 and 3 bar. If it is above 4 bar, stop.

The seal lasts for 8000 hours.

## Venting

1. Open the vent screw by one turn.
2. Close it when water runs out.

## Storage

Store the pump dry.
"""


@pytest.fixture(scope="session")
def manual(open_pack: OpenPack) -> Pack:
    return open_pack({"px-200.md": MANUAL}, name="px", embedder=None)


@pytest.fixture(scope="session")
def procedure(manual: Pack) -> Procedure:
    """Changing the seal: five steps, three warnings."""
    return list_procedures(manual)[0]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def jobs(settings: Settings) -> Iterator[Jobs]:
    opened = Jobs(settings)
    yield opened
    opened.close()
