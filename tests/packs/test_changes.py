"""What changed between two real packs: values of rows and sentences, and nothing that only moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

from edge.errors import NotFoundError
from edge.packs.changes import PackChanges, compare, compare_versions
from edge.packs.shapes import PackChanges as Shape
from edge.packs.shapes import dump_changes
from edge.packs.store import PackStore
from tests.conftest import BuildPack, OpenPack

Compare = Callable[..., PackChanges]

TABLE = """# Torque

## Bolts

| Thread | Dry torque (Nm) | Oiled torque (Nm) | Note |
|---|---|---|---|
| M10 | 50 | 38 | – |
| M12 | 88 | 66 | use a washer |
| M14 | 140 | 105 | – |
"""
PROSE = """# Pump

## Torque

The housing bolts are tightened crosswise to 25 Nm. The coupling bolts are tightened to 8 Nm.

## Start

1. Close the valve.
2. Wait 5 minutes.
3. Open the drain.
"""


@pytest.fixture
def changed(open_pack: OpenPack) -> Compare:
    """``changed(old, new)`` compares packs with one document each."""

    def call(old: str, new: str, name: str = "manual.md", new_name: str = "manual.md") -> PackChanges:
        packs = [
            open_pack({document: text}, name="pumps", version=version, embedder=None)
            for document, text, version in ((name, old, "1.0"), (new_name, new, "2.0"))
        ]
        return compare(*packs)

    return call


def say(found: PackChanges) -> list[str]:
    return [change.said for change in found.changes]


def test_a_cell_that_changed_is_told_with_its_row_column_and_unit(changed: Compare) -> None:
    found = changed(TABLE, TABLE.replace("| 88 |", "| 95 |"))
    assert say(found) == ["88 Nm is now 95 Nm, manual.md page 1 (Bolts, M12, Dry torque (Nm))"]
    assert [(d.kind, d.name) for d in found.documents] == [("changed", "manual.md")]


def test_a_sentence_that_changed_is_told_with_its_values(changed: Compare) -> None:
    found = changed(PROSE, PROSE.replace("25 Nm", "27 Nm"))
    assert say(found) == ["25 Nm is now 27 Nm, manual.md page 1 (Torque)"]
    (change,) = found.changes
    assert change.new == "The housing bolts are tightened crosswise to 27 Nm."


def test_what_moved_or_was_numbered_anew_has_not_changed(changed: Compare) -> None:
    moved = PROSE.replace("## Start\n\n", "## Start\n\n1. Prepare the pump.\n").replace("3. Open", "4. Open")
    moved = moved.replace("\n2. Wait", "\n3. Wait").replace("\n1. Close", "\n2. Close")
    assert say(changed(PROSE, moved)) == ['Added "1. Prepare the pump.", manual.md page 1 (Start)']
    parts = PROSE.split("## ")
    assert say(changed(PROSE, "## ".join([parts[0], parts[2] + "\n", parts[1]]))) == []


def test_another_spelling_of_a_value_is_no_change_of_it(changed: Compare) -> None:
    (change,) = changed(PROSE, PROSE.replace("25 Nm", "25 N·m")).changes
    assert (change.kind, change.values) == ("wording", ())


def test_a_row_that_went_and_one_that_came_are_not_taken_for_one(changed: Compare) -> None:
    found = changed(TABLE, TABLE.replace("| M14 | 140 | 105 |", "| M16 | 220 | 160 |"))
    assert [change.kind for change in found.changes] == ["removed", "added"]


def test_a_sentence_that_went_is_not_taken_for_its_neighbour(changed: Compare) -> None:
    found = changed(PROSE, PROSE.replace("The housing bolts are tightened crosswise to 25 Nm. ", ""))
    assert [(change.kind, change.old) for change in found.changes] == [
        ("removed", "The housing bolts are tightened crosswise to 25 Nm.")
    ]


def test_a_row_that_has_another_name_only_is_one_row(changed: Compare) -> None:
    found = changed(TABLE, TABLE.replace("| M14 |", "| M14 x 1.5 |"))
    assert [(change.kind, change.column) for change in found.changes] == [("value", "Thread")]


def test_a_column_in_another_unit_changes_its_values(changed: Compare) -> None:
    found = changed(TABLE, TABLE.replace("Oiled torque (Nm)", "Oiled torque (ft·lb)"))
    assert "38 Nm is now 38 ft·lb" in say(found)[0]


def test_a_column_that_came_is_told_and_the_other_cells_are_not(changed: Compare) -> None:
    wider = "\n".join(
        line + " 10.9 |" if line.startswith("| M") else line + " Class |" if line.startswith("| T") else line
        for line in TABLE.replace("|---|---|---|---|", "|---|---|---|---|---|").split("\n")
    )
    changes = [change for change in changed(TABLE, wider).changes if change.row]
    assert {(change.kind, change.column, change.new) for change in changes} == {("added", "Class", "10.9")}


def test_values_come_first_then_what_went_and_came_then_words(changed: Compare) -> None:
    new = (
        TABLE.replace("use a washer", "use two washers").replace("| 50 |", "| 52 |")
        + "| M16 | 220 | 160 | – |\n"
    )
    assert [change.kind for change in changed(TABLE, new).changes] == ["value", "added", "wording"]


def test_a_document_with_another_name_is_compared_with_what_it_was(changed: Compare) -> None:
    found = changed(PROSE, PROSE.replace("25 Nm", "27 Nm"), new_name="manual-2.md")
    assert [(d.kind, d.name, d.was) for d in found.documents] == [("renamed", "manual-2.md", "manual.md")]
    assert [change.kind for change in found.changes] == ["value"]


def test_documents_that_came_and_went_are_named_and_not_taken_apart(changed: Compare) -> None:
    found = changed(PROSE, "# Crane\n\nThe hook carries 500 kg at most.\n", new_name="crane.md")
    assert [(d.kind, d.name) for d in found.documents] == [("added", "crane.md"), ("removed", "manual.md")]
    assert found.changes == ()


def test_the_same_pack_has_no_changes(changed: Compare) -> None:
    found = changed(PROSE, PROSE)
    assert (found.documents, found.changes) == ((), ())


def test_records_of_a_data_file_are_told_with_their_row(open_pack: OpenPack) -> None:
    text = "code,meaning,torque\nE-207,blocked drain,25 Nm\nE-311,phase missing,8 Nm\n"
    packs = [
        open_pack({"codes.csv": t}, name="codes", version=v, embedder=None)
        for v, t in (("1.0", text), ("2.0", text.replace("25 Nm", "30 Nm")))
    ]
    (change,) = compare(*packs).changes
    assert "25 Nm is now 30 Nm, codes.csv row " in change.said
    assert "E-207" in change.row


def test_the_data_has_its_documented_shape(changed: Compare) -> None:
    found = changed(TABLE + PROSE, TABLE.replace("| 88 |", "| 95 |") + "New text.\n", new_name="new.md")
    TypeAdapter(Shape).validate_python(dump_changes(found), strict=True)


def test_the_version_in_use_is_compared_with_the_one_before(store: PackStore, build_pack: BuildPack) -> None:
    for version, text in (("1.0", PROSE), ("2.0", PROSE.replace("25 Nm", "27 Nm"))):
        path = build_pack({"a.md": text}, name="pumps", version=version, embedder=None)
        store.install(path, allow_unsigned=True)
    found = compare_versions(store, "pumps")
    assert (found.old_version, found.new_version, len(found.changes)) == ("1.0", "2.0", 1)
    assert compare_versions(store, "pumps", "2.0", "1.0").changes[0].said.startswith("27 Nm is now 25 Nm")
    with pytest.raises(NotFoundError, match=r"no version 3\.0"):
        compare_versions(store, "pumps", "3.0")


def test_a_pack_without_a_version_before_says_so(store: PackStore, build_pack: BuildPack) -> None:
    store.install(build_pack({"a.md": PROSE}, name="pumps", embedder=None), allow_unsigned=True)
    with pytest.raises(NotFoundError, match="no previous version"):
        compare_versions(store, "pumps")
