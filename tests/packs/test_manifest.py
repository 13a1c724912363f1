from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import PackError, SourceError
from edge.packs.manifest import (
    DocumentSettings,
    Manifest,
    from_fields,
    from_json,
    parse_version,
    read_source,
    to_json,
)

GOOD = """
name = "acme-pumps"
version = "2026.11"
title = "Acme pump manuals"
language = "de-CH"
licence = "CC-BY-4.0"
applies_to = ["PX-200", "PX-3*"]

[documents."px200/manual.pdf"]
title = "PX-200 service manual"
applies_to = ["PX-200"]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "pack.toml").write_text(text, encoding="utf-8")
    return folder


def test_every_field_is_read(tmp_path: Path) -> None:
    assert read_source(write(tmp_path, GOOD)) == Manifest(
        name="acme-pumps",
        version="2026.11",
        title="Acme pump manuals",
        language="de-CH",
        licence="CC-BY-4.0",
        applies_to=("PX-200", "PX-3*"),
        documents={"px200/manual.pdf": DocumentSettings("PX-200 service manual", ("PX-200",))},
    )


def test_name_version_and_title_are_enough(tmp_path: Path) -> None:
    manifest = read_source(write(tmp_path, 'name = "a"\nversion = "1"\ntitle = "A"'))
    assert (manifest.language, manifest.licence, manifest.applies_to) == ("en", "unspecified", ())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("name = 5", "name"),
        ('name = "Acme Pumps"', "name"),
        ('name = "../etc"', "name"),
        (f'name = "{"a" * 65}"', "name"),
        ('name = ""', "name"),
        ("version = 1.0", "version"),
        ('version = "new"', "version"),
        ('version = "1.0/2"', "version"),
        ('title = ""', "title"),
        ('title = "two\\nlines"', "title"),
        ('language = "German"', "language"),
        ("licence = 4", "licence"),
        ('applies_to = "PX-200"', "applies_to"),
        ("applies_to = [200]", "applies_to"),
        ("documents = 3", "documents"),
        ('author = "me"', "author"),
        ('license = "MIT"', "licence"),
        ('[documents."a.pdf"]\ntitel = "A"', "titel"),
        ('[documents."a.pdf"]\napplies_to = "PX"', "applies_to"),
        ("[documents]\n'a.pdf' = 1", "a.pdf"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_expected(tmp_path: Path, change: str, named: str) -> None:
    key = change.split(" = ")[0]
    fields = {"name": '"a"', "version": '"1"', "title": '"A"'}
    kept = "".join(f"{name} = {value}\n" for name, value in fields.items() if name != key)
    with pytest.raises(SourceError) as error:
        read_source(write(tmp_path, kept + change))
    assert named in error.value.message + error.value.hint
    assert error.value.hint


@pytest.mark.parametrize("missing", ["name", "version", "title"])
def test_a_missing_field_is_named(missing: str) -> None:
    fields = {"name": "a", "version": "1", "title": "A"}
    del fields[missing]
    with pytest.raises(SourceError, match=f"{missing} is missing"):
        from_fields(fields, "pack.toml")


def test_no_pack_toml_shows_how_one_looks(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"pack\.toml") as error:
        read_source(tmp_path)
    assert 'version = "1.0"' in error.value.hint


@pytest.mark.parametrize("content", [b'name = "a', b"\xff\xfe\x00", b"name"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pack.toml").write_bytes(content)
    with pytest.raises(SourceError, match="not valid TOML"):
        read_source(tmp_path)


def test_versions_are_ordered() -> None:
    ordered = [
        "0.9",
        "1.0-alpha.2",
        "1.0a3",
        "1.0b1",
        "1.0-rc.1",
        "1.0-rc.10",
        "1.0",
        "1.0.1",
        "1.2",
        "1.10",
        "2026.11",
    ]
    assert sorted(reversed(ordered), key=parse_version) == ordered
    assert parse_version("1.0") == parse_version("1.0.0") == parse_version("1")


def test_json_gives_back_the_same_manifest(tmp_path: Path) -> None:
    manifest = read_source(write(tmp_path, GOOD))
    assert from_json(to_json(manifest)) == manifest


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(str))
def test_a_foreign_manifest_is_refused_and_never_crashes(text: str) -> None:
    with pytest.raises(PackError):
        from_json(text)
