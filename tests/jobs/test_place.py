"""Steps on the pages of a real PDF."""

from __future__ import annotations

import pytest

from edge.errors import PackError
from edge.ingest.build import build
from edge.jobs.place import place_steps
from edge.jobs.procedure import list_procedures
from edge.packs.pack import Pack
from edge.packs.pages import locate_texts
from tests.server.conftest import make_pdf

STEPS = (
    "1. Close the discharge valve.",
    "2. Open the vent screw by one turn.",
    "3. Close it when water runs out.",
    "4. Write the time on the plate.",
)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A PDF with two steps a page."""
    folder = tmp_path_factory.mktemp("pdf")
    pages = (") Tj 0 -14 Td (".join(["Venting the pump", *STEPS[:2]]), ") Tj 0 -14 Td (".join(STEPS[2:]))
    (folder / "pack.toml").write_text('name = "px"\nversion = "1"\ntitle = "PX"\n')
    (folder / "px.pdf").write_bytes(make_pdf(*pages))
    return Pack.open(build(folder, folder / "px.kpack", None, workers=0, allow_poor=True).path)


def test_every_step_is_placed_on_its_page(pack: Pack) -> None:
    (found,) = list_procedures(pack, "px.pdf")
    placed = place_steps(pack, found, locate_texts)
    assert [step.page for step in placed.steps] == [1, 1, 2, 2]
    tops = [step.boxes[0].top for step in placed.steps]
    assert all(len(step.boxes) == 1 and step.boxes[0].page == step.page for step in placed.steps)
    assert tops[0] < tops[1]
    assert tops[2] < tops[3]


def test_pages_that_cannot_be_read_leave_the_steps_as_they_were(pack: Pack) -> None:
    def fail(*_: object) -> list[tuple[()]]:
        raise PackError("Page 1 made its drawing fail.")

    (found,) = list_procedures(pack, "px.pdf")
    assert place_steps(pack, found, fail) == found


def test_a_document_without_pages_has_no_places(manual: Pack) -> None:
    found = list_procedures(manual)[0]
    assert place_steps(manual, found, locate_texts) == found
