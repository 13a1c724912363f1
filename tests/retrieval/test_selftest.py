from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.app import make_find
from edge.engine.scripted import ScriptedEmbedder
from edge.errors import SourceError
from edge.ingest.build import build
from edge.packs.pack import Pack
from edge.retrieval import selftest

MakeSource = Callable[..., Path]

TOPICS = ["bearing", "belt", "breaker", "coupling", "drive", "filter", "gasket", "impeller", "relay", "valve"]


@pytest.fixture
def pack(make_source: MakeSource, tmp_path: Path) -> Iterator[Pack]:
    sections = (
        f"## {topic} {part}\n\nThe {topic} of machine {part} is checked every {part} months by two people.\n"
        for topic in TOPICS
        for part in range(1, 8)
    )
    source = make_source(
        {"all.md": "# All\n\n" + "\n".join(sections), "one.md": "# One\n\nThe fuse holds 16 A at most.\n"}
    )
    build(source, tmp_path / "out.kpack", ScriptedEmbedder(), workers=0)
    with Pack.open(tmp_path / "out.kpack") as pack:
        yield pack


def test_every_document_is_asked_about(pack: Pack) -> None:
    asked: list[str] = []
    find = selftest.make_plain_find(None)
    selftest.run(pack, lambda pack, question: [asked.append(question), *find(pack, question)][1:])  # type: ignore[func-returns-value]
    assert len(asked) == len(set(asked)) == selftest.SAMPLES
    assert "The fuse holds 16 A at most." in asked


@pytest.mark.parametrize("embedder", [None, ScriptedEmbedder()])
def test_a_sound_pack_finds_its_own_text(pack: Pack, embedder: ScriptedEmbedder | None) -> None:
    result = selftest.run(pack, selftest.make_plain_find(embedder))
    assert (result.asked, result.misses, result.passed) == (30, (), True)


def test_the_same_pack_is_asked_the_same(pack: Pack) -> None:
    misses = [selftest.run(pack, lambda pack, question: []).misses for _ in range(2)]
    assert misses[0] == misses[1]
    assert len(misses[0]) == 30


def test_misses_name_their_documents(pack: Pack) -> None:
    plain = selftest.make_plain_find(None)
    blind = selftest.run(
        pack, lambda pack, question: [result for result in plain(pack, question) if result[0] % 2]
    )
    assert 0 < len(blind.misses) < 30
    with pytest.raises(
        SourceError, match=r"of 30 of its own sentences; missed in: .*all\.md \(\d+\)"
    ) as error:
        selftest.require(blind)
    assert error.value.hint


def test_nine_in_ten_suffice() -> None:
    miss = selftest.Miss("a.pdf", 1, "A sentence.")
    selftest.require(selftest.SelfTest(30, (miss,) * 3))
    selftest.require(selftest.SelfTest(0, ()))
    with pytest.raises(SourceError):
        selftest.require(selftest.SelfTest(30, (miss,) * 4))


def make_codes(count: int) -> str:
    """Return a list of numbered faults whose rows differ in little more than their number."""
    rows = (f"{number},Axis fault,Channel {number % 3} of the axis is down" for number in range(1, count))
    return "\n".join(["Fault,Name,Cause", *rows]) + "\n"


def test_a_row_is_asked_for_by_its_code(make_source: MakeSource, tmp_path: Path) -> None:
    build(make_source({"faults.csv": make_codes(40)}), tmp_path / "out.kpack", workers=0)
    asked: list[str] = []
    with Pack.open(tmp_path / "out.kpack") as pack:
        find = make_find(None)
        result = selftest.run(
            pack, lambda pack, question: [asked.append(question), *find(pack, question)][1:]
        )  # type: ignore[func-returns-value]
    assert (result.asked, result.misses) == (30, ())
    assert all(re.fullmatch(r"Fault \d+", question) for question in asked)


def test_a_list_of_alike_rows_passes_by_its_rows(make_source: MakeSource, tmp_path: Path) -> None:
    rows = "".join(f"{letter},Spindle option {letter},on\n" for letter in "BCDEFGHJKLMNOPQR")
    source = make_source({"options.csv": f"Option,Meaning,State\n{rows}"})
    report = build(source, tmp_path / "out.kpack", workers=0, find=make_find(None))
    assert (report.selftest.asked, report.selftest.misses) == (16, ())


def test_the_refusal_of_a_list_does_not_blame_scans() -> None:
    misses = tuple(selftest.Miss("list.csv", 1, "Relay off", is_row=True) for _ in range(4))
    with pytest.raises(SourceError, match=r"list\.csv \(4\)") as error:
        selftest.require(selftest.SelfTest(10, misses))
    assert "scans" not in error.value.hint
    assert "--allow-poor" in error.value.hint


def test_a_poor_pack_is_kept_when_asked_for_and_marked(make_source: MakeSource, tmp_path: Path) -> None:
    output = tmp_path / "out.kpack"
    source = make_source()
    with pytest.raises(SourceError):
        build(source, output, workers=0, find=lambda pack, question: [])
    report = build(source, output, workers=0, find=lambda pack, question: [], allow_poor=True)
    with Pack.open(output) as pack:
        assert (pack.digest, pack.mark) == (report.digest, report.mark)
        assert re.fullmatch(r"finds only 0 of \d+ of its own sentences", pack.mark)


def test_a_sound_pack_has_no_mark(pack: Pack) -> None:
    assert pack.mark == ""
