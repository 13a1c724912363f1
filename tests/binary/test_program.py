"""The whole product out of one file."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import needs
from edge import __version__
from tests.binary.conftest import TINY_MODEL, Run, serve
from tests.server.conftest import make_pdf

QUESTION = "What torque for an M12 bolt of class 8.8?"
PASSPHRASE = "correct horse battery staple"

RunJson = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Documents of two formats, one of them with pages."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "pack.toml").write_text('name = "pumps"\nversion = "1.0"\ntitle = "Pumps"\n')
    (folder / "torque.md").write_text("# Torque\n\nThe housing bolts are tightened crosswise to 25 Nm.\n")
    (folder / "venting.pdf").write_bytes(
        make_pdf("Open the vent screw of the pump by one turn to vent the pump.")
    )
    return folder


@pytest.fixture
def kpack(run: Run, source: Path, tmp_path: Path) -> Path:
    run("pack", "build", str(source), "-o", str(tmp_path / "pumps.kpack"))
    return tmp_path / "pumps.kpack"


def test_it_says_its_version(run: Run) -> None:
    first, *facts = run("--version").stdout.splitlines()
    assert first == f"edge {__version__}"
    assert {"commit", "Python", "llama-cpp-python"} <= {fact.split()[0] for fact in facts}


def test_it_prints_the_licences_of_what_it_contains(run: Run) -> None:
    text = run("licenses").stdout
    assert all(
        name in text for name in ("numpy", "llama", "libtorrent", "Python Software Foundation", "OpenSSL")
    )


@pytest.mark.skipif(platform.machine() != "x86_64", reason="elsewhere it is built for this system")
def test_nothing_in_it_needs_a_newer_system_than_debian_11(run: Run, cache: Path) -> None:
    run("--version")
    (unpacked,) = cache.glob("program-*")
    assert len(needs.find_elf_files(unpacked)) > 100
    needs.check(unpacked)


def test_it_has_code_for_every_kind_of_processor(run: Run) -> None:
    (line,) = (line for line in run("--version").stdout.splitlines() if line.split()[0] == "processors")
    assert {"x64", "haswell", "zen4", "sapphirerapids"} <= set(re.findall(r"\w+", line))


def test_a_bill_of_materials_lies_beside_it(shipped: Path) -> None:
    bill = json.loads(shipped.with_name("edge.cdx.json").read_text())
    with shipped.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert {
        "numpy",
        "tuf",
        "Python",
        "OpenSSL",
        "zlib",
        "libffi",
        "libstdc++6",
        "libgcc-s1",
        "libc6",
        "libgomp1",
    } <= {component["name"] for component in bill["components"]}


def test_the_handbook_inside_answers(run_json: RunJson, shipped: Path) -> None:
    answer = run_json("ask", "How do I rotate a lost key?", program=shipped)
    assert answer["citations"][0]["document"] == "signing.md"
    assert "edge publish revoke" in answer["answer"]


def test_the_starter_pack_answers(run: Run, run_json: RunJson, starter: Path) -> None:
    run("pack", "install", str(starter), "--unsigned")
    answer = run_json("ask", QUESTION)
    assert not answer["refused"]
    assert "88" in answer["answer"]
    assert answer["citations"][0]["document"] == "fasteners-and-torque.md"
    checks = {check["name"]: check["status"] for check in run_json("doctor")["checks"]}
    assert checks["sqlite"] == checks["embedder"] == "ok"


def test_a_language_model_writes_in_a_worker(run: Run, run_json: RunJson, starter: Path) -> None:
    run("pack", "install", str(starter), "--unsigned")
    run("model", "add", str(TINY_MODEL))
    answer = run_json("ask", QUESTION, "--engine", "llama")
    assert answer["engine"] == f"llama:{TINY_MODEL.stem}"


def test_packs_are_built_in_reader_processes_and_served(
    run: Run, kpack: Path, program: Path, environment: Mapping[str, str]
) -> None:
    run("pack", "install", str(kpack), "--unsigned")
    with serve(program, environment) as address:
        with urllib.request.urlopen(f"{address}/health") as response:
            assert json.load(response)["packs"] == 1
        question = json.dumps({"message": "How do I vent the pump?"}).encode()
        request = urllib.request.Request(f"{address}/chat", question, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            (citation, *_) = json.load(response)["citations"]
        assert citation["document"] == "venting.pdf"
        with urllib.request.urlopen(f"{address}/documents/pumps/venting.pdf/pages/1.png") as response:
            assert response.read(4) == b"\x89PNG"


def test_packs_are_published_and_synced(run: Run, run_json: RunJson, kpack: Path, tmp_path: Path) -> None:
    keys = ("--keys", str(tmp_path / "keys"))
    publisher = {"EDGE_HOME": str(tmp_path / "publisher"), "EDGE_KEYS_PASSPHRASE": PASSPHRASE}
    run("publish", "init", str(tmp_path / "repository"), *keys, **publisher)
    run("publish", "add", str(tmp_path / "repository"), str(kpack), *keys, **publisher)
    run("publish", "sign", str(tmp_path / "repository"), *keys, **publisher)
    run("sync", "trust", str(tmp_path / "repository"), "--yes")
    run("sync", str(tmp_path / "repository"))
    (pack,) = run_json("pack", "list")["packs"]
    assert (pack["name"], pack["signed"]) == ("pumps", True)


def test_labelled_questions_are_evaluated(run: Run, kpack: Path, tmp_path: Path) -> None:
    run("pack", "install", str(kpack), "--unsigned")
    gold = [{"document": "venting.pdf", "pages": [1]}]
    line = {
        "id": "1",
        "question": "How do I vent the pump?",
        "answerable": True,
        "gold": gold,
        "contains": [],
    }
    (tmp_path / "set.jsonl").write_text(json.dumps(line) + "\n")
    run("eval", str(tmp_path / "set.jsonl"))
