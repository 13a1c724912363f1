"""GET /equipment: the models that the installed packs are about."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from edge.app import Edge, Mode
from edge.config import Settings
from edge.packs.store import PackStore
from tests.conftest import PUMPS_FOR, BuildPack
from tests.server.conftest import serve


@pytest.fixture
def pumps_client(tmp_path: Path, build_pack: BuildPack):  # type: ignore[no-untyped-def]
    settings = Settings(home=tmp_path, embedder="none", engine="extractive")
    PackStore(settings).install(build_pack(toml=PUMPS_FOR, embedder=None), allow_unsigned=True)
    with Edge(settings, Mode.SERVER) as edge, serve(edge) as client:
        yield client


def test_the_models_are_those_of_packs_and_documents(pumps_client: httpx.Client) -> None:
    assert pumps_client.get("/equipment").json() == {"models": ["PX-200", "PX-3*"], "known": False}


@pytest.mark.parametrize(
    ("model", "known"), [("px 200", True), ("PX-311", True), ("PX-400", False), ("", False)]
)
def test_a_model_is_known_however_it_is_written(pumps_client: httpx.Client, model: str, known: bool) -> None:
    assert pumps_client.get("/equipment", params={"model": model}).json()["known"] is known


def test_packs_for_all_equipment_name_none(client: httpx.Client) -> None:
    assert client.get("/equipment").json() == {"models": [], "known": False}
