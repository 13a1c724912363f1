"""Whether what was cited still stands in the pack in use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from edge.packs.citations import CitedPassage, check_citation
from edge.packs.shapes import Standings, dump_standings
from edge.packs.store import PackStore
from tests.conftest import BuildPack

MANUAL = """# Pump

## Torque

The housing bolts are tightened crosswise to 25 Nm.
The coupling bolts are tightened to 8 Nm.

## Start

Open the suction valve first.
"""
CITED = CitedPassage(
    "pumps", "1.0", "a.md", 1, "Pump > Torque",
    "The housing bolts are tightened crosswise to 25 Nm. The coupling bolts are tightened to 8 Nm.",
)  # fmt: skip


@pytest.fixture
def use(store: PackStore, build_pack: BuildPack) -> object:
    """``use(text, version, document)`` installs a pack with one document."""

    def call(text: str, version: str = "2.0", document: str = "a.md") -> None:
        path = build_pack({document: text}, name="pumps", version=version, embedder=None)
        store.install(path, allow_unsigned=True)

    return call


def test_a_passage_that_stands_as_it_was_is_the_same(store: PackStore, use: object) -> None:
    use(MANUAL + "\nOther things are new.\n")  # type: ignore[operator]
    standing = check_citation(store, CITED)
    assert (standing.status, standing.version, standing.page) == ("same", "2.0", 1)


def test_a_value_that_changed_is_told(store: PackStore, use: object) -> None:
    use(MANUAL.replace("25 Nm", "27 Nm"))  # type: ignore[operator]
    standing = check_citation(store, CITED)
    assert standing.status == "changed"
    assert "25 Nm is now 27 Nm" in standing.said
    TypeAdapter(Standings).validate_python(dump_standings([standing]), strict=True)


def test_a_passage_that_is_not_there_any_more_is_gone(store: PackStore, use: object) -> None:
    use("# Pump\n\n## Start\n\nOpen the suction valve first.\n")  # type: ignore[operator]
    assert check_citation(store, CITED).status == "gone"


def test_a_document_with_another_name_has_moved(store: PackStore, use: object) -> None:
    use(MANUAL, document="b.md")  # type: ignore[operator]
    standing = check_citation(store, CITED)
    assert (standing.status, standing.document) == ("moved", "b.md")


def test_another_page_has_moved(store: PackStore, use: object) -> None:
    use(MANUAL)  # type: ignore[operator]
    assert check_citation(store, replace(CITED, page_from=7)).status == "moved"


def test_a_pack_that_is_not_there_says_so(store: PackStore) -> None:
    assert check_citation(store, CITED).status == "not_installed"


def test_of_the_very_same_pack_nothing_is_compared(store: PackStore, use: object) -> None:
    use(MANUAL)  # type: ignore[operator]
    digest = store.get("pumps").digest
    assert check_citation(store, replace(CITED, text="whatever", digest=digest)).status == "same"
