"""The README cannot lie: its commands, paths, tables, examples and tree are compared with the code."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from typer.core import TyperGroup
from typer.main import get_command

from edge import errors, evaluation, shapes
from edge.cli.chat import COMMANDS
from edge.cli.main import INTERRUPTED, app
from edge.config import FILE, Settings, load_settings
from edge.errors import EdgeError
from edge.ingest.readers import SUFFIXES
from edge.packs import manifest
from edge.server.app import ENDPOINTS
from edge.types import Answer, Citation, Passage

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
PACKAGED = re.compile(r"/usr/share/edge|/usr/share/doc/edge-assistant|/etc/default/edge")
"""Where the Debian package puts things (tests/build/test_deb.py)."""

TOP = ("edge", "build", "tests", "knowledge_packs", ".ci")


def section(heading: str) -> str:
    """The text under a heading, down to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", TEXT, re.MULTILINE)
    assert found, heading
    rest = TEXT[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", FENCE.sub(lambda m: " " * len(m[0]), rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def blocks(language: str, text: str = TEXT) -> list[str]:
    return [body for kind, body in FENCE.findall(text) if kind == language]


def spans(text: str = TEXT) -> list[str]:
    """Inline code."""
    return SPAN.findall(FENCE.sub("", text))


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def shell_lines() -> list[str]:
    """What is typed: every line of ``sh`` blocks, the prompts of ``console`` blocks."""
    typed = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    return typed + [
        line[2:] for block in blocks("console") for line in block.splitlines() if line[:2] == "$ "
    ]


def commands(name: str) -> list[str]:
    return [line for line in shell_lines() if line.split()[:1] == [name]]


PLANNED = section("Not there yet")
MENTIONED = [span for span in spans(TEXT.replace(PLANNED, "")) if span.split()[0] == "edge"]


# -- commands


@pytest.mark.parametrize("line", commands("edge"))
def test_a_command_line_is_one_that_edge_takes(line: str) -> None:
    words = shlex.split(line, comments=True)
    redirected = [at for at, word in enumerate(words) if word in "<>"]
    command, arguments = resolved(words[1 : min(redirected, default=len(words))])
    command.make_context("edge", arguments)  # parses, runs nothing


@pytest.mark.parametrize("span", MENTIONED)
def test_a_command_in_the_text_exists_with_its_options(span: str) -> None:
    command, arguments = resolved(span.split()[1:])
    known = {"--help"}.union(*(parameter.opts for parameter in command.params))
    assert {word for word in arguments if word.startswith("-")} <= known
    assert not isinstance(command, TyperGroup) or not [word for word in arguments if word[0] != "-"]


def test_options_in_the_text_exist() -> None:
    known = {
        option for command in every_command() for parameter in command.params for option in parameter.opts
    }
    assert {span.split()[0] for span in spans() if span.startswith("--")} <= known


def test_what_is_not_there_yet_is_not_there() -> None:
    planned = [span.split()[1:] for span in spans(PLANNED) if span.startswith("edge ")]
    assert planned
    for words in planned:
        command, arguments = resolved(words)
        assert isinstance(command, TyperGroup)
        assert arguments, f"edge {' '.join(words)} exists by now"


def test_every_leaf_command_is_mentioned() -> None:
    for words in leaves(get_command(app)):
        assert f"edge {' '.join(words)}" in TEXT


def resolved(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, and the words that are left."""
    command: Any = get_command(app)
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def every_command(command: Any = None) -> Iterator[Any]:
    command = command or get_command(app)
    yield command
    for sub in getattr(command, "commands", {}).values():
        yield from every_command(sub)


def leaves(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, TyperGroup):
        yield path
        return
    for name, sub in command.commands.items():
        yield from leaves(sub, *path, name)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    lines = [line for line in (*shell_lines(), *spans()) if line.split()[0] == "make"]
    named = [shlex.split(line, comments=True) for line in lines]
    assert len(named) > 5
    assert {word for words in named for word in words[1:] if "=" not in word} <= targets


def test_modules_that_are_run_exist() -> None:
    named = re.findall(r"python -m ([\w.]+)", TEXT)
    for module in named:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


# -- paths


def test_paths_exist() -> None:
    words = {word for text in (*spans(), *shell_lines()) for word in text.split()}
    ours = {word.rstrip("/") for word in words if word.split("/")[0] in TOP and "/" in word}
    links = set(re.findall(r"\]\(([^)]+)\)", TEXT))
    assert len(ours) > 3
    for path in ours | links:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("text", [TEXT, CHANGELOG], ids=["README", "CHANGELOG"])
def test_no_path_of_a_machine_and_no_host_but_this_one(text: str) -> None:
    text = PACKAGED.sub("", text)
    assert re.findall(r"(?<![\w.~}])/(?:home|root|work|tmp|usr|opt|var|etc|mnt|srv|Users)\b", text) == []
    hosts = set(re.findall(r"\b\w+://([\w.-]+)", text))
    assert hosts <= {"localhost", "127.0.0.1"}
    assert re.findall(r"\b[\w-]+\.(?:org|com|net|io|dev|co|ai)\b", text) == []


# -- tables


def test_the_settings_table_is_that_of_the_code(tmp_path: Path) -> None:
    table = {cells[0].strip("`"): cells for cells in rows("Settings")}
    settings = Settings(home=tmp_path)
    assert list(table) == [field.name for field in fields(Settings)]
    for name, (_, variable, default, flag, meaning) in table.items():
        assert variable == f"`EDGE_{name.upper()}`"
        assert name == "home" or default == f"`{json.dumps(getattr(settings, name))}`"
        assert flag in ("", f"`--{name}`")
        assert meaning


def test_the_exit_codes_are_those_of_the_errors() -> None:
    table = rows("Exit codes")
    named = {cells[1].strip("`"): (int(cells[0]), int(cells[2])) for cells in table if cells[1]}
    assert named == {error.__name__: (error.exit_code, error.http_status) for error in tree(EdgeError)}
    assert [int(cells[0]) for cells in table] == sorted(int(cells[0]) for cells in table)
    assert [int(cells[0]) for cells in table if not cells[1]] == [0, INTERRUPTED]


def tree(error: type[EdgeError]) -> Iterator[type[EdgeError]]:
    if error.__module__ == errors.__name__:
        yield error
    for kind in error.__subclasses__():
        yield from tree(kind)


def test_the_formats_are_those_that_are_read() -> None:
    named = re.findall(r"`(\.\w+)`", "\n".join(cells[1] for cells in rows("A pack of your own manuals")))
    assert sorted(named) == sorted(SUFFIXES)


def test_the_endpoints_are_those_of_the_server() -> None:
    routes = [route for endpoint in ENDPOINTS for route in endpoint.router.routes]
    served = {
        f"{method} {route.path.replace(':path', '')}"
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert {cells[0].strip("`") for cells in rows("HTTP")} == served | {"GET /openapi.json"}


def test_the_chat_commands_are_named() -> None:
    assert {command.split()[0] for command in COMMANDS} <= {span.split()[0] for span in spans()}


def test_every_figure_has_its_command() -> None:
    for cells in rows("Figures"):
        assert len(cells) == 5, cells
        assert all(cells[i] for i in (0, 1, 3, 4)), cells
        assert cells[4].startswith(("`make ", "`python -m ")), cells


# -- examples


def test_the_shape_of_an_answer_is_the_real_one() -> None:
    (example,) = [json.loads(block) for block in blocks("json", section("A first look"))]
    real = shapes.answer_json(
        Answer(
            text="Turn it off. [1]",
            mode="extractive",
            engine="extractive",
            citations=(Citation(1, a_passage()),),
        )
    )
    assert list(example) == list(real)
    assert list(example["citations"][0]) == list(real["citations"][0])
    assert list(example["timings_ms"]) == list(real["timings_ms"])


def a_passage() -> Passage:
    return Passage(
        pack="pumps",
        version="1",
        document="px.md",
        title="PX",
        page_from=1,
        page_to=1,
        page_label=None,
        heading="PX",
        text="Turn it off.",
        score=1.0,
    )


def test_the_pack_toml_is_accepted() -> None:
    (block,) = blocks("toml", section("A pack of your own manuals"))
    described = manifest.from_fields(tomllib.loads(block), "README")
    assert described.of("px-300/service.md").applies_to == ("PX-300",)


def test_the_settings_file_is_accepted(tmp_path: Path) -> None:
    (block,) = blocks("toml", section("Settings"))
    assert f"# {FILE}" in block
    (tmp_path / FILE).write_text(block)
    settings: Mapping[str, str] = {"EDGE_HOME": str(tmp_path)}
    assert load_settings(settings) != Settings(home=tmp_path)


def test_the_labelled_question_is_accepted(tmp_path: Path) -> None:
    (block,) = blocks("json", section("How it is judged"))
    questions = tmp_path / "set.jsonl"
    questions.write_text(block)
    (labelled,) = evaluation.load_questions(questions)
    assert labelled.answerable
    assert labelled.question.history


# -- the tree


def annotated() -> dict[str, str]:
    """Path to annotation, from the indentation of the tree."""
    (block,) = blocks("text", section("The tree"))
    found: dict[str, str] = {}
    parents: list[str] = []
    for line in block.splitlines():
        name, _, annotation = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        parents[depth:] = [name]
        found["".join(parents)] = annotation.strip()
    return found


def test_the_tree_is_that_of_the_files() -> None:
    package = ROOT / "edge"
    modules = {path for path in package.rglob("*.py") if path.name != "__init__.py"}
    packages = {path.parent for path in package.rglob("__init__.py")}
    files = {path.relative_to(ROOT).as_posix() for path in modules}
    files |= {f"{path.relative_to(ROOT).as_posix()}/" for path in packages}
    assert {path for path in annotated() if path.startswith("edge/")} == files


def test_what_the_tree_names_exists_and_is_annotated() -> None:
    for path, annotation in annotated().items():
        assert (ROOT / path).exists(), path
        assert annotation, path
