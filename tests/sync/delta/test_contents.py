from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.packs.manifest import Manifest
from edge.packs.pack import Pack
from edge.packs.record import Page, Record
from edge.packs.values import find_mark
from edge.packs.vectors import partition
from edge.packs.writer import IndexedDocument, IndexedVectors, make_sentence_texts, write_pack
from edge.sync.delta.contents import index_document, parse_vectors, read_parts, read_words
from edge.types import Box
from tests.packs.conftest import draw_vectors

TEXT = st.text(max_size=60)
NAME = st.text(min_size=1, max_size=60).filter(lambda name: not find_mark(name))
SIDE = st.integers(0, 1) | st.floats(0, 1)
RECORD = st.builds(
    Record,
    kind=st.sampled_from(["text", "steps", "table", "code", "warning"]),
    heading=TEXT,
    text=TEXT,
    page_from=st.integers(1, 9),
    page_to=st.integers(1, 9),
    section=st.integers(0, 9),
    place=st.sampled_from(["", "row 7", "#reset"]),
    boxes=st.lists(st.builds(Box, st.integers(1, 9), SIDE, SIDE, SIDE, SIDE), max_size=3).map(tuple),
)
PAGES = st.lists(
    st.builds(Page, st.integers(1, 9), st.none() | TEXT, SIDE, st.floats(0, 1e6)),
    max_size=3,
    unique_by=lambda page: page.number,
)


@st.composite
def build_document(draw: st.DrawFn) -> IndexedDocument:
    records, original = draw(st.lists(RECORD, min_size=1, max_size=3)), draw(st.binary(max_size=50))
    return IndexedDocument(
        name=draw(NAME),
        title=draw(TEXT),
        media_type="text/plain",
        sha256="0" * 64,
        applies_to=tuple(draw(st.lists(TEXT, max_size=2))),
        pages=tuple(sorted(draw(PAGES), key=lambda page: page.number)),
        records=lambda: records,
        sentences=lambda: draw_vectors(sum(len(make_sentence_texts(record)) for record in records)),
        original=lambda: io.BytesIO(original),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(build_document(), min_size=1, max_size=3, unique_by=lambda document: document.name))
def test_a_pack_written_again_from_its_parts_is_the_same(documents: list[IndexedDocument]) -> None:
    vectors = draw_vectors(sum(len(document.records()) for document in documents))
    with tempfile.TemporaryDirectory() as folder:
        first, again = Path(folder, "first.kpack"), Path(folder, "again.kpack")
        once = IndexedVectors("test:1", vectors, partition(vectors), lambda wanted: draw_vectors(len(wanted)))
        write_pack(first, Manifest("pumps", "1", "Pumps"), documents, once)
        with Pack.open(first) as pack:
            known = read_words(pack)
            found = [index_document(read_parts(pack, document), True) for document in pack.list_documents()]
            assert np.array_equal(np.concatenate([chunks for _, chunks in found]), vectors)
            write_pack(
                again,
                pack.manifest,
                [document for document, _ in found],
                IndexedVectors(
                    pack.embedder,
                    vectors,
                    partition(vectors),
                    lambda wanted: parse_vectors(b"".join(known[word] for word in wanted)),
                ),
            )
        assert again.read_bytes() == first.read_bytes()
