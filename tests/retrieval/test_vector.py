"""The vector arm: what is near in meaning, read from the nearest cells only."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge.engine.embedder import LlamaEmbedder
from edge.engine.scripted import ScriptedEmbedder
from edge.packs.manifest import Manifest
from edge.packs.pack import Pack
from edge.packs.record import Page, Record
from edge.packs.vectors import Partition, quantise
from edge.packs.writer import IndexedDocument, IndexedVectors, make_embedding_text, write_pack
from edge.retrieval.scope import Scope, find_scopes
from edge.retrieval.vector import measure_closeness, search
from edge.text.units import put_in_context, split_units

EMBED = ScriptedEmbedder().embed
CELLS = 8


def test_a_text_is_nearest_to_itself_and_cosines_are_nearly_exact(
    pumps_by_meaning: Pack, embedder: LlamaEmbedder
) -> None:
    pack = pumps_by_meaning
    chunks = pack.get_chunks(range(1, pack.chunk_count + 1))
    texts = [make_embedding_text(pack.get_document_of(c.id).title, c.heading, c.text) for c in chunks]
    vectors = embedder.embed(texts)
    for chunk, asked in zip(chunks, vectors, strict=True):
        found = search(Scope(pack), asked)
        assert max(found, key=lambda id: found[id]) == chunk.id
        assert [found[c.id] for c in chunks] == pytest.approx(vectors @ asked, abs=0.01)


def test_a_small_pack_is_searched_whole(pumps: Pack) -> None:
    assert len(search(Scope(pumps), EMBED(["bolts"])[0])) == pumps.chunk_count


def test_the_limit_keeps_the_nearest(pumps: Pack) -> None:
    asked = EMBED(["the coupling bolts are tightened"])[0]
    everything, few = search(Scope(pumps), asked), search(Scope(pumps), asked, limit=2)
    assert set(few) == set(sorted(everything, key=lambda id: -everything[id])[:2])


def test_only_what_is_in_scope_is_found(pumps: Pack) -> None:
    (scope,) = find_scopes([pumps], (), "PX-300")
    found = search(scope, EMBED(["The coupling bolts are tightened to 8 Nm."])[0], limit=3)
    assert len(found) == 3
    assert {pumps.get_document_of(id).name for id in found} == {"isolation.md", "px-300.md"}


def test_how_close_each_sentence_of_a_chunk_is(pumps: Pack) -> None:
    torque = next(
        c for c in pumps.get_chunks(range(1, 10)) if "coupling bolts are tightened to 8 Nm" in c.text
    )
    sentences = split_units(torque.text, torque.kind)
    asked = EMBED([put_in_context(torque.heading, sentences[-1])])[0]
    found = measure_closeness(pumps, range(1, pumps.chunk_count + 1), asked)
    assert set(found) == set(range(1, pumps.chunk_count + 1))
    assert len(found[torque.id].units) == len(sentences)
    assert max(found, key=lambda id: max(found[id].units)) == torque.id
    assert found[torque.id].units[-1] == max(found[torque.id].units) > 0.95
    assert found[torque.id].whole == pytest.approx(search(Scope(pumps), asked)[torque.id])


def test_chunks_that_are_not_there_are_not_close(pumps: Pack) -> None:
    asked = EMBED(["bolts"])[0]
    assert measure_closeness(pumps, [], asked) == {}
    assert measure_closeness(pumps, [9999], asked) == {}


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A pack of eight chunks, each in a cell of its own around its own direction."""
    path = tmp_path_factory.mktemp("divided") / "divided.kpack"
    records = [Record("text", "", f"Text number {n}.", 1, 1, section=0) for n in range(CELLS)]
    directions = quantise(np.eye(CELLS, 384, dtype=np.float32))
    document = IndexedDocument(
        "a.md", "A", "text/markdown", "", (), (Page(1),), lambda: records, lambda: directions, io.BytesIO
    )
    cells = Partition(np.arange(CELLS), np.eye(CELLS, 384, dtype=np.float32))
    vectors = IndexedVectors("test", directions, cells, lambda words: directions[[0] * len(words)])
    write_pack(path, Manifest("divided", "1.0", "Divided"), [document], vectors)
    return Pack.open(Path(path))


def test_only_the_nearest_cells_are_read(divided: Pack) -> None:
    asked = np.zeros(384, np.float32)
    asked[[4, 6]] = 0.8, 0.6
    assert search(Scope(divided), asked) == pytest.approx({5: 0.8, 7: 0.6})


def test_halves_may_be_scanned_in_threads(divided: Pack) -> None:
    asked = np.full(384, 384**-0.5, np.float32)
    with ThreadPoolExecutor(2) as threads:
        assert search(Scope(divided), asked, run=threads.map) == search(Scope(divided), asked)
