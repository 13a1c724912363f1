from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
    blind = selftest.run(pack, lambda pack, question: [id for id in plain(pack, question) if id % 2])
    assert 0 < len(blind.misses) < 30
    with pytest.raises(SourceError, match=r"of 30 of its own sentences; missed in: .*all\.md") as error:
        selftest.require(blind)
    assert error.value.hint


def test_nine_in_ten_suffice() -> None:
    miss = selftest.Miss("a.pdf", 1, "A sentence.")
    selftest.require(selftest.SelfTest(30, (miss,) * 3))
    selftest.require(selftest.SelfTest(0, ()))
    with pytest.raises(SourceError):
        selftest.require(selftest.SelfTest(30, (miss,) * 4))
