"""No document can lie: commands, options, targets, modules and paths that one names are there."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.core import TyperGroup

from tests.documents import ALL, CHANGELOG, HANDBOOK, ROOT, Document, find_leaves, resolve, walk_commands

PACKAGED = re.compile(r"/usr/share/edge|/usr/share/doc/edge-assistant|/etc/default/edge")
"""Where the Debian package puts things (tests/build/test_deb.py)."""

TOP = ("edge", "build", "tests", "knowledge_packs", ".ci")
PLANNED = HANDBOOK["using"].find_section("Not there yet: figures from a GPU")

TYPED = [
    (document, line)
    for document in ALL
    for line in document.find_shell_lines()
    if line.split()[:1] == ["edge"]
]
MENTIONED = [
    (document, span)
    for document in ALL
    for span in Document(document.name, document.text.replace(PLANNED.text, "")).find_spans()
    if span.split()[0] == "edge"
]

documents = pytest.mark.parametrize("document", ALL, ids=str)


@pytest.mark.parametrize(("document", "line"), TYPED, ids=str)
def test_a_command_line_is_one_that_edge_takes(document: Document, line: str) -> None:
    words = shlex.split(line, comments=True)
    redirected = [at for at, word in enumerate(words) if word in "<>"]
    command, arguments = resolve(words[1 : min(redirected, default=len(words))])
    command.make_context("edge", arguments)  # parses, runs nothing


@pytest.mark.parametrize(("document", "span"), MENTIONED, ids=str)
def test_a_command_in_the_text_exists_with_its_options(document: Document, span: str) -> None:
    command, arguments = resolve(span.split()[1:])
    known = {"--help"}.union(*(parameter.opts for parameter in command.params))
    assert {word for word in arguments if word.startswith("-")} <= known
    assert not isinstance(command, TyperGroup) or not [word for word in arguments if word[0] != "-"]


@documents
def test_options_in_the_text_exist(document: Document) -> None:
    known = {
        option for command in walk_commands() for parameter in command.params for option in parameter.opts
    }
    assert {span.split()[0] for span in document.find_spans() if span.startswith("--")} <= known


def test_what_is_not_there_yet_is_not_there() -> None:
    planned = [span.split()[1:] for span in PLANNED.find_spans() if span.startswith("edge ")]
    for words in planned:
        command, arguments = resolve(words)
        assert isinstance(command, TyperGroup)
        assert arguments, f"edge {' '.join(words)} exists by now"


def test_every_command_is_in_the_handbook() -> None:
    text = "\n".join(document.text for document in HANDBOOK.values())
    assert [words for words in find_leaves() if f"edge {' '.join(words)}" not in text] == []


@documents
def test_make_targets_exist(document: Document) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [
        line for line in (*document.find_shell_lines(), *document.find_spans()) if line.split()[0] == "make"
    ]
    named = [shlex.split(line, comments=True) for line in lines]
    assert {word for words in named for word in words[1:] if "=" not in word} <= targets


@documents
def test_modules_that_are_run_exist(document: Document) -> None:
    for module in re.findall(r"python -m ([\w.]+)", document.text):
        path = ROOT / module.replace(".", "/")
        known = path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
        assert known or module == "pytest", module


@documents
def test_paths_exist(document: Document) -> None:
    words = {word for text in (*document.find_spans(), *document.find_shell_lines()) for word in text.split()}
    ours = {word.rstrip("/") for word in words if word.split("/")[0] in TOP and "/" in word}
    links = set(re.findall(r"\]\(([^)]+)\)", document.text))
    folder = ROOT if document.name in ("README.md", "CHANGELOG.md") else (ROOT / document.name).parent
    for path in ours:
        assert (ROOT / path).exists(), path
    for path in links:
        assert (folder / path).exists(), path


@pytest.mark.parametrize("document", [*ALL, CHANGELOG], ids=str)
def test_no_path_of_a_machine_and_no_host_but_this_one(document: Document) -> None:
    text = PACKAGED.sub("", document.text)
    assert re.findall(r"(?<![\w.~}])/(?:home|root|work|tmp|usr|opt|var|etc|mnt|srv|Users)\b", text) == []
    hosts = set(re.findall(r"\b\w+://([\w.-]+)", text))
    assert hosts <= {"localhost", "127.0.0.1", "ADDRESS"}
    assert re.findall(r"\b[\w-]+\.(?:org|com|net|io|dev|co|ai)\b", text) == []


@documents
def test_every_figure_has_its_command(document: Document) -> None:
    for cells in document.find_rows():
        if cells[-1].startswith("`make bench"):
            assert all(cells[:2]), cells
