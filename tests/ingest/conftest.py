from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

PUMP = """# PX-200 pump

## Starting

Prime the pump with the process liquid before every start of the motor.

1. Open the suction valve fully and wait for the casing to fill.
2. Crack the vent plug until liquid without bubbles comes out.
3. Start the motor and watch the discharge gauge rise to 4 bar.

**WARNING:** Never run the pump dry: the mechanical seal burns within thirty seconds.

## Faults

| Code | Meaning |
|---|---|
| E-207 | The motor winding is hotter than 130 °C |
| E-209 | The suction pressure is below 0.2 bar |
"""
VALVE = """# Gate valve

Grease the stem of the gate valve twice a year with a lithium grease of NLGI class 2.

Tighten the bonnet bolts crosswise to 45 Nm in three passes when the gasket is new.
"""
DOCUMENTS: Mapping[str, str | bytes] = {"pump.md": PUMP, "valves/gate.md": VALVE}

MakeSource = Callable[..., Path]


@pytest.fixture
def make_source(tmp_path: Path) -> MakeSource:
    """Writes a source folder: ``make_source(documents, toml=…)`` returns it."""

    def make(documents: Mapping[str, str | bytes] = DOCUMENTS, toml: str = "", name: str = "source") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "pack.toml").write_text(f'name = "pumps"\nversion = "1.0"\ntitle = "Pumps"\n{toml}')
        for document, content in documents.items():
            path = folder / document
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make
