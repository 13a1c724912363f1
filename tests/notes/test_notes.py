"""My notes: kept whatever happens, found by search, about a page or about nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.app import Edge
from edge.config import Settings
from edge.errors import BusyError, NotFoundError, UsageError
from edge.notes.note import MAX_TEXT, PACK
from edge.notes.store import Notes
from edge.packs.store import PackStore
from edge.packs.verify import verify
from edge.types import Answered, Question
from tests.conftest import PUMPS_FOR, BuildPack


@pytest.fixture
def edge(tmp_path: Path, build_pack: BuildPack) -> Iterator[Edge]:
    settings = Settings(home=tmp_path / "home", embedder="none", engine="extractive")
    PackStore(settings).install(build_pack(toml=PUMPS_FOR), allow_unsigned=True)
    with Edge(settings) as made:
        yield made


def search(edge: Edge, text: str, equipment: str | None = None) -> list[str]:
    found = edge.assistant.search(Question(text, equipment=equipment), 5)
    return [passage.text for passage in found.passages if passage.pack == PACK]


def test_a_note_is_found_by_search_and_quoted_in_an_answer(edge: Edge) -> None:
    note = edge.notes.add(
        "The discharge valve of the Leeds pump sticks: tap it with a mallet.",
        pack="pumps", document="px-200.md", page=1, heading="PX-200 pump > Venting", who="Ada",
    )  # fmt: skip
    assert search(edge, "discharge valve sticks mallet") == [note.text]
    *_, last = edge.assistant.answer(
        Question("What to do when the discharge valve of the Leeds pump sticks?")
    )
    assert isinstance(last, Answered)
    assert "mallet" in last.answer.text
    assert {citation.passage.document for citation in last.answer.citations} >= {note.file}


def test_a_note_on_a_page_applies_to_what_the_document_applies_to(edge: Edge) -> None:
    edge.notes.add("The mallet lies in the van.", pack="pumps", document="px-200.md", page=1)
    assert search(edge, "where is the mallet", "PX-200")
    assert not search(edge, "where is the mallet", "PX-300")


def test_notes_are_listed_by_page_newest_first_and_removed(edge: Edge) -> None:
    one = edge.notes.add("One.", pack="pumps", document="px-200.md", page=1)
    two = edge.notes.add("Two.", pack="pumps", document="isolation.md")
    three = edge.notes.add("Three.")
    assert edge.notes.list() == [three, two, one]
    assert edge.notes.list("pumps", "px-200.md", 1) == [one]
    edge.notes.remove(one.id)
    edge.notes.remove(two.id)
    assert edge.notes.list() == [three]
    edge.notes.remove(three.id)
    assert [pack.name for pack in edge.packs.list()] == ["pumps"]
    with pytest.raises(NotFoundError):
        edge.notes.remove(three.id)


def test_the_same_note_sent_twice_is_one(edge: Edge) -> None:
    assert edge.notes.add("Once.", id="mine-1") == edge.notes.add("Once.", id="mine-1")
    assert len(edge.notes.list()) == 1


def test_the_pack_of_notes_is_whole_and_grows_by_version(edge: Edge) -> None:
    for text in ("One.", "Two."):
        edge.notes.add(text)
    pack = edge.packs.get(PACK)
    assert (pack.version, pack.previous) == ("1.2", "1.1")
    verify(pack.path)


def test_a_note_is_kept_when_its_pack_cannot_be_made_and_found_later(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BusyError("Another process is changing the installed packs.")

    with monkeypatch.context() as patch:
        patch.setattr(PackStore, "install", refuse)
        edge.notes.add("The spare mallet is green.")
    assert not search(edge, "green mallet")
    edge.notes.add("Another note.")
    assert search(edge, "green mallet")


def test_notes_are_there_after_a_restart(edge: Edge) -> None:
    note = edge.notes.add("Remember me.", pack="pumps", document="px-200.md", page=1, who="Ada")
    assert Notes(edge.settings, edge.packs).list() == [note]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        (" ", {}),
        ("x" * (MAX_TEXT + 1), {}),
        ("a", {"document": "px-200.md"}),
        ("a", {"pack": "pumps", "page": 1}),
        ("a", {"id": "../x"}),
    ],
)
def test_a_note_that_cannot_be_is_refused(edge: Edge, text: str, about: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        edge.notes.add(text, **about)  # type: ignore[arg-type]
    assert edge.notes.list() == []


@pytest.mark.parametrize(
    "about",
    [
        {"pack": "none"},
        {"pack": "pumps", "document": "x"},
        {"pack": "pumps", "document": "px-200.md", "page": 9},
    ],
)
def test_a_note_on_what_is_not_there_is_refused(edge: Edge, about: dict[str, object]) -> None:
    with pytest.raises(NotFoundError):
        edge.notes.add("a", **about)  # type: ignore[arg-type]
