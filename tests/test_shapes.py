"""The JSON shapes, without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from edge.shapes import dump_answer, dump_evidence, dump_passage, dump_search, encode
from edge.types import Answer, Box, Citation, Evidence, EvidenceFound, Passage, Warning

PASSAGE = Passage(
    pack="pumps",
    version="1.0",
    document="manual.pdf",
    title="Manual",
    page_from=12,
    page_to=13,
    page_label="ii",
    heading="Pump > Seal",
    text="WARNING: Hot.",
    score=0.83456,
    signed=True,
    boxes=(Box(12, 0.1, 0.23456, 0.9, 0.25),),
    chunks=(7, 8),
)
PASSAGE_JSON = {
    "pack": "pumps",
    "version": "1.0",
    "document": "manual.pdf",
    "page_from": 12,
    "page_to": 13,
    "page_label": "ii",
    "heading": "Pump > Seal",
    "text": "WARNING: Hot.",
    "score": 0.8346,
    "signed": True,
    "boxes": [{"page": 12, "left": 0.1, "top": 0.2346, "right": 0.9, "bottom": 0.25}],
    "chunks": [7, 8],
}


def test_a_passage_with_a_value_that_was_hard_to_read_says_so() -> None:
    assert dump_passage(replace(PASSAGE, is_doubtful=True)) == PASSAGE_JSON | {"doubtful": True}


def test_an_answer() -> None:
    answer = Answer(
        text="Hot [2].",
        mode="generated",
        engine="llama:tiny",
        citations=(Citation(2, PASSAGE),),
        warnings=(Warning("WARNING: Hot.", 2),),
        unverified=("45 Nm",),
        conversation_id="c",
        timings_ms={"evidence": 31.0, "total": 900.5},
        notice="The model was restarted.",
    )
    assert dump_answer(answer) == {
        "answer": "Hot [2].",
        "refused": False,
        "mode": "generated",
        "citations": [{"n": 2, **PASSAGE_JSON}],
        "warnings": [{"text": "WARNING: Hot.", "citation": 2}],
        "unverified": ["45 Nm"],
        "conversation_id": "c",
        "engine": "llama:tiny",
        "timings_ms": {"evidence": 31.0, "quote": None, "first_token": None, "total": 900.5},
        "notice": "The model was restarted.",
    }


def test_a_notice_that_is_not_set_is_not_there() -> None:
    assert "notice" not in dump_answer(Answer(text="", mode="refused", engine="extractive"))


def test_evidence_and_search_results() -> None:
    evidence = Evidence("seal", (PASSAGE,))
    assert dump_search(evidence, 7.123) == {"results": [PASSAGE_JSON], "ms": 7.1}
    assert dump_evidence(EvidenceFound(evidence, 31.04)) == {"passages": [PASSAGE_JSON], "ms": 31.0}


def test_any_text_can_be_encoded() -> None:
    encoded = encode({"text": "Größe\n\ud800"})
    assert json.loads(encoded) == {"text": "Größe\n?"}
    assert b"\n" not in encoded


def test_the_shapes_need_no_web_framework() -> None:
    program = "import edge.shapes, sys; print({'fastapi', 'starlette'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_a_command_with_json_loads_no_more_of_pydantic_than_typer_does(tmp_path: Path) -> None:
    program = """
import sys
from edge.cli.main import run
run(["pack", "verify", "nothing.kpack"])
before = {name for name in sys.modules if name.startswith("pydantic")}
import edge.shapes
print({name for name in sys.modules if name.startswith("pydantic")} - before)
"""
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "EDGE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"
