"""Synonyms of a pack, from the build to the question, in both directions, with and without vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.engine.interface import Embedder
from edge.engine.scripted import ScriptedEmbedder
from edge.errors import PackError, SourceError, UsageError
from edge.ingest.build import build
from edge.packs.pack import Pack
from edge.packs.values import check_synonyms
from edge.retrieval.retriever import Found, Retriever
from edge.types import Question

DRIVES = """# Motors

## Opening the drive

The capacitors of a variable frequency drive stay charged: wait 10 minutes before you open it.

## Fan

The fan of the motor is wiped once a month with a dry cloth.

## Abbreviations

Every variable frequency drive (VFD) of the plant has a red label.

## Threads

A threadlocker is loosened with heat, at about 250 degrees.

## Contacts

Relay K4 is normally open (NO) and closes with the safe torque off (STO) command.

## Lamp

There is no lamp; no bulb, no fuse.

## Cooling

Fill in 3 kg of tetrafluoroethane.
"""

LIST = "loctite,threadlocker\nR134a,tetrafluoroethane\nlump,luminaire\n"

Ask = Callable[[str], Found]


@contextmanager
def asking(source: Path, embedder: Embedder | None) -> Iterator[Ask]:
    report = build(source, source.with_suffix(".kpack"), embedder, workers=0, allow_poor=True)
    with Pack.open(report.path) as pack:
        retriever = Retriever(lambda: [pack], embedder)
        yield lambda text: retriever.search(Question(text), 3)
        retriever.close()


@pytest.fixture
def source(make_source: Callable[..., Path]) -> Path:
    return make_source({"drives.md": DRIVES, "synonyms.csv": LIST})


@pytest.mark.parametrize("embedder", [None, ScriptedEmbedder()])
def test_an_abbreviation_finds_what_it_stands_for_and_the_other_way_round(
    source: Path, embedder: Embedder | None
) -> None:
    with asking(source, embedder) as ask:
        found = ask("how long to wait before opening the VFD")
        assert "10 minutes" in found.evidence.passages[0].text
        assert {"variabl", "frequenc", "drive"} <= found.query.related["vfd"].keys()
        assert "vfd" in ask("label of the variable frequency drive").query.related["drive"]
        assert "vfd" not in ask("label of the drive").query.related.get("drive", {})


def test_the_publishers_words_are_searched_for_and_are_no_document(source: Path) -> None:
    with asking(source, None) as ask:
        found = ask("loctite too tight")
        assert "threadlocker" in found.evidence.passages[0].text
        assert {passage.document for passage in found.evidence.passages} == {"drives.md"}


def test_a_word_whose_synonym_stands_in_the_pack_is_not_unknown(source: Path) -> None:
    with asking(source, None) as ask:
        assert "loctit" not in ask("loctite too tight").query.unknown
        found = ask("how much R134a")
        assert not found.evidence.missing
        assert "3 kg" in found.evidence.passages[0].text
        assert ask("how much R407c").evidence.missing == ("R407c",)


def test_a_word_of_the_publisher_is_not_taken_for_a_slip(source: Path) -> None:
    with asking(source, None) as ask:
        assert ask("is the lump red").evidence.corrections == {}
        assert ask("is the lanp red").evidence.corrections == {"lanp": "lamp"}


def test_stop_words_belong_to_a_phrase_and_are_never_looked_for(source: Path) -> None:
    with asking(source, None) as ask:
        assert "no" not in ask("is K4 normally open").query.related.get("open", {})
        assert "sto" in ask("where is safe torque off").query.related["torqu"]
        assert "sto" not in ask("which torque is safe").query.related.get("torqu", {})
        assert set(ask("where is STO").query.related["sto"]) == {"safe", "torqu"}


def test_the_build_counts_what_it_learnt(source: Path) -> None:
    report = build(source, source.with_suffix(".kpack"), None, workers=0, allow_poor=True)
    assert (report.synonyms, report.abbreviations) == (3, 3)


def test_a_list_that_says_nothing_ends_the_build(source: Path) -> None:
    (source / "synonyms.csv").write_text("loctite\n")
    with pytest.raises(UsageError, match=r"synonyms\.csv, line 1"):
        build(source, source.with_suffix(".kpack"), None, workers=0)
    (source / "synonyms.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match=r"synonyms\.csv cannot be read"):
        build(source, source.with_suffix(".kpack"), None, workers=0)


@pytest.mark.parametrize(
    "stored",
    [
        "{",
        "{}",
        "[1]",
        "[[1]]",
        json.dumps([["x" * 101]]),
        json.dumps([["x"] * 21]),
        json.dumps([[]] * 5001),
        None,
        "[" * 9999,
    ],
)
def test_synonyms_of_a_pack_that_cannot_be_right_are_refused(stored: str | None) -> None:
    with pytest.raises(PackError):
        check_synonyms(stored)
    assert check_synonyms('[["a", "b"]]') == [["a", "b"]]
