from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.errors import PackError, SourceError, TrustError, UsageError

Edge = Callable[..., Any]


@pytest.fixture
def newer(edge: Edge, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Version 1.3 of the pack, searched by words alone."""
    folder = tmp_path / "newer"
    folder.mkdir()
    (folder / "pack.toml").write_text((source / "pack.toml").read_text().replace("1.2", "1.3"))
    (folder / "px-200.md").write_text((source / "px-200.md").read_text())
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    assert edge("pack", "build", str(folder), "-o", str(tmp_path / "newer.kpack")).code == 0
    monkeypatch.delenv("EDGE_EMBEDDER")
    return tmp_path / "newer.kpack"


def test_build_reports_what_went_in_and_what_did_not(edge: Edge, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "pumps.kpack"
    result = edge("pack", "build", str(source), "-o", str(path))
    assert result.code == 0
    assert path.is_file()
    head, counts, test, *rest = result.out.splitlines()
    assert head == f"{path}  pumps 1.2, Pump manuals"
    assert counts.startswith("2 documents, 2 pages, ")
    assert test.startswith("Self-test: ")
    assert "1 document could not be read and left out" in rest
    assert "! empty.md: empty.md is empty." in rest
    assert "  photo.raw: '.raw' is not a document type edge reads" in rest
    assert result.err.startswith("read ")


def test_a_build_says_what_means_the_same_and_inspect_counts_it(
    edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    folder, path = tmp_path / "drives", str(tmp_path / "drives.kpack")
    folder.mkdir()
    (folder / "pack.toml").write_text(
        'name = "drives"\nversion = "1"\ntitle = "Drives"\nlicence = "CC0-1.0"\n'
    )
    (folder / "drives.md").write_text("# Drives\n\nThe variable frequency drive (VFD) has a red label.\n")
    (folder / "synonyms.csv").write_text("loctite,threadlocker\n")
    out = edge("pack", "build", str(folder), "-o", path).out
    assert "Synonyms: 1 abbreviation learnt, 1 line of synonyms.csv.\n" in out
    assert "synonyms   2\n" in edge("pack", "inspect", path).out
    assert json.loads(edge("pack", "inspect", path, "--json").out)["synonyms"] == 2


def test_a_source_that_cannot_be_built_is_an_error(edge: Edge, tmp_path: Path) -> None:
    result = edge("pack", "build", str(tmp_path), "-o", str(tmp_path / "x.kpack"))
    assert result.code == SourceError.exit_code
    assert "pack.toml" in result.err


def test_an_interrupted_build_says_that_it_resumes(
    edge: Edge, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "pumps.kpack"
    with monkeypatch.context() as patch:
        patch.setattr("edge.ingest.build._write", interrupt)
        result = edge("pack", "build", str(source), "-o", str(path))
    assert result.code == 130
    assert "resumes" in result.err
    assert (
        "Resumed: 2 documents had been read before."
        in edge("pack", "build", str(source), "-o", str(path)).out
    )


def test_an_unsigned_pack_needs_the_word(edge: Edge, home: Path, kpack: Path) -> None:
    refused = edge("pack", "install", str(kpack))
    assert refused.code == TrustError.exit_code
    assert "--unsigned" in refused.err
    assert edge("pack", "install", str(kpack), "--unsigned").out == "pumps 1.2 is in use  UNSIGNED\n"
    again = edge("pack", "install", str(kpack), "--unsigned")
    assert again.out == "pumps 1.2 was in use already  UNSIGNED\n"


def test_update_roll_back_and_downgrade(edge: Edge, home: Path, kpack: Path, newer: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    update = edge("pack", "install", str(newer), "--unsigned")
    assert update.out == "pumps 1.3 is in use; it replaces 1.2  UNSIGNED\n"

    older = edge("pack", "install", str(kpack), "--unsigned")
    assert older.code == UsageError.exit_code
    allowed = edge("pack", "install", str(kpack), "--unsigned", "--allow-downgrade")
    assert allowed.out == "pumps 1.2 is in use; it replaces 1.3  UNSIGNED\n"

    assert edge("pack", "rollback", "pumps").out == "pumps 1.3 is in use; it replaces 1.2  UNSIGNED\n"


def test_another_build_of_the_same_version(
    edge: Edge, home: Path, source: Path, kpack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt = tmp_path / "rebuilt.kpack"
    with monkeypatch.context() as patch:
        patch.setenv("EDGE_EMBEDDER", "none")
        assert edge("pack", "build", str(source), "-o", str(rebuilt)).code == 0
    edge("pack", "install", str(kpack), "--unsigned")
    install = edge("pack", "install", str(rebuilt), "--unsigned")
    assert install.out == "pumps 1.2 is in use; it replaces another build of 1.2  UNSIGNED\n"
    assert edge("pack", "rollback", "pumps").out == install.out


def test_list(edge: Edge, home: Path, kpack: Path) -> None:
    assert "edge pack install" in edge("pack", "list").out
    edge("pack", "install", str(kpack), "--unsigned")
    header, row = edge("pack", "list").out.splitlines()
    assert header.split() == ["NAME", "VERSION", "SIZE", "SIGNED", "PREVIOUS", "PLACE", "TITLE"]
    assert row.startswith("pumps  1.2 ")
    assert " UNSIGNED " in row
    (pack,) = json.loads(edge("pack", "list", "--json").out)["packs"]
    assert (pack["name"], pack["version"], pack["signed"]) == ("pumps", "1.2", False)


def test_list_names_a_pack_that_cannot_be_opened(edge: Edge, home: Path, kpack: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    (file,) = home.rglob("*.kpack")
    file.write_bytes(b"nothing")
    result = edge("pack", "list")
    assert result.code == 0
    assert "! pumps: " in result.out


@pytest.mark.parametrize("by", ["file", "name"])
def test_inspect(edge: Edge, ready: Path, kpack: Path, by: str) -> None:
    target = str(kpack) if by == "file" else "pumps"
    out = edge("pack", "inspect", target).out
    assert out.startswith("pumps 1.2  Pump manuals  UNSIGNED\n")
    assert "equipment  PX-200\n" in out
    assert "\nDOCUMENT    PAGES  TITLE\n" in out
    described = json.loads(edge("pack", "inspect", target, "--json").out)
    assert [document["name"] for document in described["documents"]] == ["faults.csv", "px-200.md"]
    assert (described["applies_to"], described["signed"]) == (["PX-200"], False)


def test_verify_finds_a_flipped_byte(edge: Edge, home: Path, kpack: Path, tmp_path: Path) -> None:
    assert edge("pack", "verify", str(kpack)).out.startswith("whole  pumps 1.2\n")
    data = bytearray(kpack.read_bytes())
    data[len(data) // 2] ^= 1
    broken = tmp_path / "broken.kpack"
    broken.write_bytes(data)
    result = edge("pack", "verify", str(broken))
    assert result.code == PackError.exit_code
    assert "hint: " in result.err


def test_remove_asks(edge: Edge, home: Path, kpack: Path) -> None:
    edge("pack", "install", str(kpack), "--unsigned")
    unasked = edge("pack", "remove", "pumps")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    assert edge("pack", "remove", "pumps", "--yes").out == "Removed pumps.\n"
    assert edge("pack", "remove", "pumps", "--yes").code == 3


def test_a_file_that_is_not_there_is_not_taken_for_a_name(edge: Edge, home: Path) -> None:
    result = edge("pack", "inspect", "none.kpack")
    assert result.code == 3
    assert "none.kpack" in result.err


def test_diff_tells_values_that_changed(edge: Edge, source: Path, tmp_path: Path, home: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(source, newer)
    (newer / "pack.toml").write_text((source / "pack.toml").read_text().replace("1.2", "1.3"))
    manual = newer / "px-200.md"
    manual.write_text(manual.read_text().replace("25 Nm", "27 Nm"))
    packs = [tmp_path / "1.2.kpack", tmp_path / "1.3.kpack"]
    for folder, path in zip((source, newer), packs, strict=True):
        assert edge("pack", "build", str(folder), "-o", str(path)).code == 0
        assert edge("pack", "install", str(path), "--unsigned").code == 0
    shown = edge("pack", "diff", "pumps")
    assert "25 Nm is now 27 Nm, px-200.md page 1 (Torque)" in shown.out
    assert shown.out == edge("pack", "diff", "pumps", "1.2", "1.3").out
    assert shown.out == edge("pack", "diff", "pumps", *map(str, packs)).out
    data = json.loads(edge("pack", "diff", "pumps", "--json").out)
    assert data["changes"][0]["values"] == [{"old": "25 Nm", "new": "27 Nm"}]
    missing = edge("pack", "diff", "pumps", "0.9")
    assert missing.code == 3
    assert "1.3 and 1.2" in missing.err
