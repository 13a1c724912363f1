from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.errors import CarrierError, NotFoundError, TrustError, UsageError
from edge.sync import clock, sources
from tests.sync import mirror as ways
from tests.sync.mirror import Mirror, serve
from tests.sync.repository import Repository

Edge = Callable[..., Any]
TODAY = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def repository(tmp_path: Path, kpack: Path) -> Repository:
    made = Repository(tmp_path / "repository", signed=TODAY)
    made.add_pack(kpack)
    return made


@pytest.fixture
def mirror(repository: Repository) -> Iterator[Mirror]:
    with serve(repository.folder) as served:
        yield served


@pytest.fixture
def trusting(edge: Edge, home: Path, repository: Repository) -> Path:
    assert edge("sync", "trust", str(repository.folder), "--yes").code == 0
    return home


def test_first_trust_shows_the_keys_and_asks(
    edge: Edge, home: Path, repository: Repository, mirror: Mirror
) -> None:
    for source in (str(repository.folder), mirror.address, str(repository.locate_metadata("1.root.json"))):
        result = edge("sync", "trust", source)
        assert result.code == UsageError.exit_code
        assert "Root 1: 2 of 3 keys" in result.out
        keyid = repository.keys["root-1"].public_key.keyid
        assert f"{keyid[:8]} {keyid[8:16]}" in result.out
        assert "--yes" in result.err
    assert not (home / "sync" / "root.json").exists()
    assert "Trusted." in edge("sync", "trust", mirror.address, "--yes").out
    assert (home / "sync" / "root.json").read_bytes() == repository.anchor
    again = edge("sync", "trust", str(repository.folder))
    assert (again.code, again.out) == (0, "This publisher is trusted already.\n")


def test_another_publisher_is_told_apart(edge: Edge, trusting: Path, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other", signed=TODAY, foreign=True)
    result = edge("sync", "trust", str(other.folder))
    assert "another publisher" in result.out
    assert result.code == UsageError.exit_code
    unasked = edge("sync", "trust", str(other.folder), "--yes")
    assert (unasked.code, "--replace" in unasked.err) == (TrustError.exit_code, True)
    assert "Trusted." in edge("sync", "trust", str(other.folder), "--yes", "--replace").out


@pytest.mark.parametrize("word", ["no/such/root.json", "no-folder"])
def test_nothing_there_to_trust(edge: Edge, home: Path, word: str) -> None:
    assert edge("sync", "trust", word, "--yes").code == NotFoundError.exit_code


def test_without_trust_nothing_is_taken(edge: Edge, home: Path, repository: Repository) -> None:
    result = edge("sync", str(repository.folder))
    assert result.code == TrustError.exit_code
    assert "edge sync trust REPO" in result.err


def test_a_sync_tells_what_changed(edge: Edge, trusting: Path, mirror: Mirror, kpack: Path) -> None:
    result = edge("sync", mirror.address)
    assert result.code == 0
    until = f"{TODAY + timedelta(days=90):%Y-%m-%d}"
    first, second, last = result.out.splitlines()
    assert first == f"{mirror.address}: list 2, good until {until}"
    assert second.startswith("pumps 1.2  ")
    assert last.startswith("1 of 1 file changed; ")
    assert "yes" in edge("pack", "list").out
    again = edge("sync", mirror.address)
    assert again.out.splitlines()[1:] == ["pumps 1.2  up to date", "0 of 1 file changed; 0 B in 0 s"]
    assert edge("ask", "How do I vent the pump?", "--engine", "extractive").code == 0


def test_json_for_other_programs(edge: Edge, trusting: Path, repository: Repository, kpack: Path) -> None:
    told = json.loads(edge("sync", str(repository.folder), "--json").out)
    (target,) = told["targets"]
    assert target == {
        "path": "packs/pumps.kpack", "kind": "pack", "name": "pumps", "version": "1.2", "state": "changed",
        "source": str(repository.folder), "replaced": None, "bytes": kpack.stat().st_size, "by_delta": False,
        "error": None,
    }  # fmt: skip
    assert told["bytes"] == kpack.stat().st_size
    assert told["stale_days"] is None
    assert told["sources"][0]["version"] == 2


def test_a_refusal_names_the_file_the_reason_and_the_remedy(
    edge: Edge, trusting: Path, repository: Repository
) -> None:
    payload = repository.locate_payload("packs/pumps.kpack")
    payload.write_bytes(bytes(payload.stat().st_size))
    result = edge("sync", str(repository.folder))
    assert result.code == TrustError.exit_code
    assert "packs/pumps.kpack is not the file that was signed" in result.out
    assert "Use another source." in result.out
    told = json.loads(edge("sync", str(repository.folder), "--json").out)
    assert told["targets"][0]["error"]["exit_code"] == TrustError.exit_code


def test_one_source_that_fails_is_an_error_and_several_are_told(
    edge: Edge, trusting: Path, mirror: Mirror, repository: Repository
) -> None:
    mirror.ways["timestamp"] = ways.make_status(500)
    result = edge("sync", mirror.address, "--json")
    assert result.code == CarrierError.exit_code
    assert "HTTP 500" in json.loads(result.out)["error"]["message"]
    result = edge("sync", mirror.address, str(repository.folder))
    assert result.code == 0
    assert "HTTP 500" in result.out
    assert "pumps 1.2" in result.out


def test_a_stale_stick_is_refused_then_taken_with_a_badge(
    edge: Edge, trusting: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sources, "MOUNTS", (tmp_path,))
    later = TODAY + timedelta(days=97)
    monkeypatch.setattr(clock, "read_clock", lambda: later)
    result = edge("sync", "--usb")
    assert result.code == TrustError.exit_code
    assert "97 days old" in result.err
    assert "--accept-stale" in result.err
    result = edge("sync", "--usb", "--accept-stale")
    assert result.code == 0
    assert "STALE: this list is 97 days old" in result.out
    assert json.loads(edge("sync", "--usb", "--accept-stale", "--json").out)["stale_days"] == 97


def test_configured_sources_are_tried(
    edge: Edge, trusting: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No source is named or configured" in edge("sync").err
    monkeypatch.setenv("EDGE_SOURCES", str(repository.folder))
    assert edge("sync").code == 0


def test_no_stick_is_told(
    edge: Edge, trusting: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sources, "MOUNTS", (tmp_path / "media",))
    result = edge("sync", "--usb")
    assert result.code == NotFoundError.exit_code
    assert "No stick" in result.err


def test_the_timer_is_written_and_not_more(
    edge: Edge, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    result = edge("sync", "--install-timer")
    assert "systemctl --user enable --now edge-sync.timer" in result.out
    assert (tmp_path / "config/systemd/user/edge-sync.timer").is_file()
    assert "No source is configured" in result.out
    assert not home.exists()


def test_options_may_stand_anywhere(edge: Edge, trusting: Path, repository: Repository) -> None:
    folder = str(repository.folder)
    for words in (("--json", folder), (folder, "--json"), (folder, "--accept-stale", folder, "--json")):
        assert json.loads(edge("sync", *words).out)["targets"]


def test_a_killed_download_is_resumed(trusting: Path, mirror: Mirror, kpack: Path) -> None:
    """The real program, killed in the middle of a file; the next one asks for the rest."""
    half = kpack.stat().st_size // 2

    def stall(request: ways.Request) -> None:
        request.send_head()
        request.send_body(request.data[:half])
        mirror.closing.wait(60)

    mirror.ways["pumps"] = stall
    command = [sys.executable, "-m", "edge", "sync", mirror.address]
    environ = os.environ | {"EDGE_HOME": str(trusting)}
    part = trusting / "sync" / "staging"
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not any(path.stat().st_size for path in part.rglob("*.kpack")):
            mirror.closing.wait(0.01)
        process.kill()
    mirror.ways.clear()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert "pumps 1.2" in done.stdout
    assert (mirror.asked[-1][1] or "").startswith("bytes=")
