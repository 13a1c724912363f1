from __future__ import annotations

from pathlib import Path

import contents
import inventory


def test_what_is_inside_is_told_with_version_and_licence() -> None:
    found = {each.name: each for each in inventory.components({"numpy", "typer"}, [])}
    assert set(found) == {"numpy", "typer", "Python"}
    assert found["typer"].purl.startswith("pkg:pypi/typer@")
    assert "MIT" in found["typer"].licence
    assert "numpy" in inventory.licences(list(found.values()))


def test_the_bill_names_every_component_and_the_program(tmp_path: Path) -> None:
    (tmp_path / "edge").write_bytes(b"")
    found = inventory.components({"numpy"}, [])
    inventory.write(found, tmp_path / "inventory.json")
    assert inventory.read(tmp_path / "inventory.json") == found
    bill = inventory.bill_of_materials(found, tmp_path / "edge", "1.0")
    assert bill["bomFormat"] == "CycloneDX"
    assert [component["name"] for component in bill["components"]] == ["numpy", "Python"]
    assert bill["metadata"]["component"]["hashes"][0]["content"].startswith("e3b0c44298fc1c14")


def test_only_what_is_pinned_may_be_inside() -> None:
    foreign = contents.foreign_modules()
    assert "pytest" in foreign
    assert not {"numpy", "tuf", "llama_cpp", "edge"} & set(foreign)
