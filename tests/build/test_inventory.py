from __future__ import annotations

import platform
from pathlib import Path

import pytest

import contents
import debian
import inventory


def test_what_is_inside_is_told_with_version_and_licence() -> None:
    found = {each.name: each for each in inventory.find_components({"numpy", "typer"}, [])}
    assert set(found) == {"numpy", "typer", "Python", platform.libc_ver()[0]}
    assert found["typer"].purl.startswith("pkg:pypi/typer@")
    assert "MIT" in found["typer"].licence
    assert "numpy" in inventory.join_licences(list(found.values()))


def test_the_bill_names_every_component_and_the_program(tmp_path: Path) -> None:
    (tmp_path / "edge").write_bytes(b"")
    found = inventory.find_components({"numpy"}, [])
    inventory.write(found, tmp_path / "inventory.json")
    assert inventory.read(tmp_path / "inventory.json") == found
    bill = inventory.make_bill_of_materials(found, tmp_path / "edge", "1.0")
    assert bill["bomFormat"] == "CycloneDX"
    assert [component["name"] for component in bill["components"]] == [
        "numpy",
        "Python",
        platform.libc_ver()[0],
    ]
    assert bill["metadata"]["component"]["hashes"][0]["content"].startswith("e3b0c44298fc1c14")


def test_a_library_of_the_compilers_root_is_a_package_of_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_SYSROOT", str(tmp_path))
    text = tmp_path / "usr/share/doc/libstdc++6/copyright"
    text.parent.mkdir(parents=True)
    text.write_text("Copyright (C) the authors of GCC")
    libraries = [tmp_path / "runtime/libstdc++.so.6", tmp_path / "libpump.so"]
    linked, found = inventory.find_components(set(), libraries)[1:]
    assert (linked.name, linked.version) == ("libc6", debian.find_pin("libc6_*").version)
    assert (found.name, found.version) == ("libstdc++6", debian.find_pin("libstdc++6_*").version)
    assert found.purl == f"pkg:deb/debian/libstdc%2B%2B6@{found.version}"
    assert found.texts == ("Copyright (C) the authors of GCC",)


def test_a_library_that_python_was_built_with_is_named_with_its_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.base_prefix", str(tmp_path))
    (tmp_path / "licences").mkdir()
    (tmp_path / "licences" / "openssl").write_text("Apache License")
    libraries = [
        tmp_path / "lib" / "libssl.so.3",
        tmp_path / "lib" / "libcrypto.so.3",
        Path("/elsewhere/libz.so.1"),
    ]
    found, _ = inventory.find_components(set(), libraries)[1:]
    assert (found.name, found.licence, found.texts) == ("OpenSSL", "Apache-2.0", ("Apache License",))
    assert found.purl == f"pkg:generic/openssl@{debian.find_pin('openssl_*').version}"


def test_only_what_is_pinned_may_be_inside() -> None:
    foreign = contents.find_foreign_modules()
    assert "pytest" in foreign
    assert not {"numpy", "tuf", "llama_cpp", "edge"} & set(foreign)
