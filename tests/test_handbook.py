"""The handbook is true to the code, its sections can be quoted alone, and its labelled questions fit it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

import handbook
from edge import __version__, evaluation, shapes
from edge.cli.chat import COMMANDS
from edge.cli.main import INTERRUPTED
from edge.config import FILE, Settings, load_settings
from edge.ingest.readers import SUFFIXES
from edge.packs import manifest
from edge.server.app import ENDPOINTS
from edge.types import Answer, Citation, Passage
from pack_cache import HANDBOOK as FOLDER
from tests.documents import HANDBOOK, Document

QUESTIONS = FOLDER.with_name("handbook.questions.jsonl")
MOST_WORDS = 180

chapters = pytest.mark.parametrize("chapter", HANDBOOK.values(), ids=str)


# -- tables


@chapters
def test_tables_made_from_the_code_are_up_to_date(chapter: Document) -> None:
    assert handbook.fill(chapter.text) == chapter.text, "python build/handbook.py writes them anew"


def test_every_setting_and_every_error_has_its_row() -> None:
    settings = HANDBOOK["settings"].find_section("All settings, with variable and default").find_rows()
    assert [cells[0].strip("`") for cells in settings] == [field.name for field in fields(Settings)]
    assert all(cells[4] for cells in settings)
    codes = HANDBOOK["settings"].find_section("Exit codes: what each one means").find_rows()
    assert ["1", "`EdgeError`"] in [cells[:2] for cells in codes]
    assert all(cells[3] for cells in codes)


def test_the_exit_code_of_an_interruption_is_the_real_one() -> None:
    assert f"Exit code {INTERRUPTED} " in HANDBOOK["settings"].text


def test_the_formats_are_those_that_are_read() -> None:
    rows = (
        HANDBOOK["packs"]
        .find_section("Which file types can go into a pack: PDF, Word documents, HTML, CSV")
        .find_rows()
    )
    named = re.findall(r"`(\.\w+)`", "\n".join(cells[1] for cells in rows))
    assert sorted(named) == sorted(SUFFIXES)


def test_the_endpoints_are_those_of_the_server() -> None:
    routes = [route for endpoint in ENDPOINTS for route in endpoint.router.routes]
    served = {
        f"{method} {route.path.replace(':path', '')}"
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    rows = HANDBOOK["server"].find_section("Which HTTP endpoints (URLs) there are").find_rows()
    assert {cells[0].strip("`") for cells in rows} == served | {"GET /openapi.json"}


def test_the_chat_commands_are_named() -> None:
    named = (
        HANDBOOK["using"]
        .find_section("Chat: follow-up questions, start over, stop an answer, leave")
        .find_spans()
    )
    assert {command.split()[0] for command in COMMANDS} <= {span.split()[0] for span in named}


def test_every_figure_has_its_command() -> None:
    rows = HANDBOOK["figures"].find_rows()
    assert len(rows) > 50
    for cells in rows:
        assert len(cells) == 5, cells
        assert all(cells[i] for i in (0, 1, 3, 4)), cells
        assert cells[4].startswith(("`make ", "`python -m ")), cells


# -- examples


def test_the_shape_of_an_answer_is_the_real_one() -> None:
    section = HANDBOOK["using"].find_section("JSON output for a script")
    (example,) = [json.loads(block) for block in section.blocks("json")]
    passage = Passage("acme", "1", "px.md", "PX", 1, 1, None, "PX", "Turn it off.", 1.0)
    answer = Answer(
        text="Turn it off. [1]",
        mode="extractive",
        engine="extractive",
        citations=(Citation(1, passage),),
    )
    real = shapes.dump_answer(answer)
    assert list(example) == list(real)
    assert list(example["citations"][0]) == list(real["citations"][0])
    assert list(example["timings_ms"]) == list(real["timings_ms"])


def test_the_pack_toml_is_accepted() -> None:
    (block,) = HANDBOOK["packs"].find_section("What goes into pack.toml").blocks("toml")
    described = manifest.from_fields(tomllib.loads(block), "handbook")
    assert described.get_settings("px-300/service.md").applies_to == ("PX-300",)


def test_the_settings_file_is_accepted(tmp_path: Path) -> None:
    (block,) = HANDBOOK["settings"].blocks("toml")
    assert f"# {FILE}" in block
    (tmp_path / FILE).write_text(block)
    settings: Mapping[str, str] = {"EDGE_HOME": str(tmp_path)}
    assert load_settings(settings) != Settings(home=tmp_path)


def test_the_labelled_question_is_accepted(tmp_path: Path) -> None:
    (block,) = HANDBOOK["developing"].find_section("Format of a labelled question").blocks("json")
    questions = tmp_path / "set.jsonl"
    questions.write_text(block)
    (labelled,) = evaluation.load_questions(questions)
    assert labelled.answerable
    assert labelled.question.history


# -- as a pack


def test_it_has_the_version_of_edge_and_is_for_no_other_equipment() -> None:
    described = manifest.read_source(FOLDER)
    assert described.version == __version__
    assert described.applies_to == ("edge",)


@chapters
def test_a_section_is_small(chapter: Document) -> None:
    for heading in chapter.headings[1:]:
        prose = [line for line in chapter.find_section(heading).prose.splitlines() if line[:1] != "|"]
        assert len(" ".join(prose).split()) <= MOST_WORDS, heading


def test_no_heading_stands_twice() -> None:
    headings = [heading for chapter in HANDBOOK.values() for heading in chapter.headings]
    assert len(set(headings)) == len(headings)


def test_the_labelled_questions_are_about_its_sections() -> None:
    questions = evaluation.load_questions(QUESTIONS)
    assert len({labelled.id for labelled in questions}) == len(questions)
    assert sum(labelled.answerable for labelled in questions) >= 40
    assert sum(not labelled.answerable for labelled in questions) >= 20
    for labelled in questions:
        places = [
            HANDBOOK[place.document.removesuffix(".md")].find_section(place.heading)
            for place in labelled.gold
        ]
        for wanted in labelled.contains:
            assert any(_plain(wanted) in _plain(place.text) for place in places), labelled.id


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())
