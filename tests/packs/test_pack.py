from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from edge.errors import NotFoundError, PackError
from edge.packs.format import MAGIC, SCHEMA, read_trailer, seal
from edge.packs.pack import Pack, make_schema
from edge.packs.record import Page
from edge.types import Box

MakePack = Callable[..., Path]

FORMAT_2 = "c4099f7a53a9ea4f"
"""Digest of the tables of format 2, those that FTS5 and sqlite-vec add included."""


@pytest.fixture
def pack(make_pack: MakePack) -> Iterator[Pack]:
    with Pack.open(make_pack(), signed=True) as pack:
        yield pack


def test_it_says_what_it_is(pack: Pack) -> None:
    assert (pack.manifest.name, pack.version, pack.signed) == ("pumps", "1.0", True)
    assert pack.embedder == "test:1"
    assert pack.digest == read_trailer(pack.path).digest
    assert pack.size == pack.path.stat().st_size


def test_documents_own_contiguous_chunks(pack: Pack) -> None:
    centrifugal, valves = pack.list_documents()
    assert (centrifugal.name, centrifugal.first_chunk, centrifugal.last_chunk) == (
        "pumps/centrifugal.md",
        1,
        3,
    )
    assert (valves.name, valves.first_chunk, valves.last_chunk) == ("valves.md", 4, 5)
    assert valves.applies_to == ("PX-200",)
    assert pack.get_document("valves.md") == valves
    assert pack.get_document_of(4) == valves
    assert pack.chunk_count == 5


def test_a_chunk_knows_its_place(pack: Pack) -> None:
    chunk = pack.get_chunk(5)
    assert (chunk.document, chunk.heading, chunk.text) == (2, "Care", "Open the bypass valve slowly.")
    assert (chunk.page_from, chunk.page_to, chunk.kind) == (2, 2, "text")
    assert chunk.boxes == (Box(2, 0.1, 0.2, 0.9, 0.25),)


def test_chunks_come_in_the_order_asked_for(pack: Pack) -> None:
    assert [chunk.id for chunk in pack.get_chunks([5, 99, 1, 3])] == [5, 1, 3]


def test_neighbours_stay_within_the_document(pack: Pack) -> None:
    assert [chunk.id for chunk in pack.get_neighbours(3, before=1, after=2)] == [2, 3]
    assert [chunk.id for chunk in pack.get_neighbours(4)] == [4, 5]


def test_pages_have_labels_and_sizes(pack: Pack) -> None:
    assert pack.get_page(1, 1) == Page(1, "iv", 595, 842)
    assert pack.get_page_label(1, 1) == "iv"
    assert pack.get_page_label(1, 2) is None
    assert pack.get_page_label(1, 99) is None


def test_the_original_is_inside(pack: Pack) -> None:
    original = pack.read_original("valves.md")
    assert original == b"Torque the flange bolts to 45 Nm.\n\nOpen the bypass valve slowly."
    assert hashlib.sha256(original).hexdigest() == pack.get_document("valves.md").sha256


def test_what_is_not_there_is_not_found(pack: Pack) -> None:
    for ask in (lambda: pack.get_chunk(0), lambda: pack.get_page(1, 9), lambda: pack.read_original("x.pdf")):
        with pytest.raises(NotFoundError):
            ask()


def test_both_indexes_find_by_chunk_id(pack: Pack) -> None:
    assert pack.query("SELECT rowid FROM keyword WHERE keyword MATCH 'identifiers : e207'") == [(3,)]
    assert pack.query("SELECT rowid FROM keyword WHERE keyword MATCH 'valves' ORDER BY rowid") == [(4,), (5,)]
    (vector,) = pack.query("SELECT embedding FROM vector WHERE rowid = 4")[0]
    nearest = "SELECT rowid, distance FROM vector WHERE embedding MATCH vec_int8(?) AND k = 1 AND cell IN (0)"
    assert pack.query(nearest, (vector,)) == [(4, 0.0)]
    assert pack.query("SELECT chunks FROM word WHERE word = 'valve'") == [(1,)]


def test_threads_share_a_pack(pack: Pack) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: pack.get_chunk(1 + n % 5).id, range(200)))
    assert found == [1 + n % 5 for n in range(200)]


def test_it_cannot_be_written(pack: Pack) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        pack.connection.execute("DELETE FROM chunk")


def test_a_closed_pack_says_so(pack: Pack) -> None:
    pack.close()
    pack.close()
    with pytest.raises(PackError, match="closed"):
        pack.get_chunk(1)


def test_a_pack_without_vectors_opens(make_pack: MakePack) -> None:
    with Pack.open(make_pack(vectors=False)) as pack:
        assert pack.embedder == "none"


def test_a_newer_format_asks_for_a_newer_edge(make_pack: MakePack) -> None:
    path = make_pack()
    data = path.read_bytes()
    at = data.rindex(MAGIC) + len(MAGIC) - 1
    path.write_bytes(data[:at] + bytes([data[at] + 1]) + data[at + 1 :])
    with pytest.raises(PackError, match="format 3") as error:
        Pack.open(path)
    assert "newer edge" in error.value.hint


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE extra(a)",
        "DROP TABLE word",
        "CREATE TRIGGER t AFTER INSERT ON word BEGIN SELECT 1; END",
        "DROP TABLE word; CREATE VIEW word AS SELECT 'a' AS word, 1 AS chunks",
        "ALTER TABLE chunk ADD COLUMN extra",
    ],
)
def test_any_other_schema_is_refused(
    tmp_path: Path, sql: str, empty_database: Callable[[Path], None]
) -> None:
    path = tmp_path / "odd.kpack"
    empty_database(path)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql)
    seal(path)
    with pytest.raises(PackError, match="tables"):
        Pack.open(path)


def test_a_pack_without_manifest_is_refused(tmp_path: Path, empty_database: Callable[[Path], None]) -> None:
    path = tmp_path / "odd.kpack"
    empty_database(path)
    seal(path)
    with pytest.raises(PackError, match="manifest"):
        Pack.open(path)


def test_the_tables_of_format_2_never_change() -> None:
    """A library that makes other tables would refuse every installed pack: raise FORMAT and keep reading this one."""
    text = "\n".join(" ".join(row) for row in sorted(make_schema()))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == FORMAT_2


@pytest.fixture
def empty_database() -> Callable[[Path], None]:
    """Writes a database with the tables of a pack and nothing in them."""

    def write(path: Path) -> None:
        from edge.database import open_writable

        with closing(open_writable(path)) as connection:
            connection.execute(SCHEMA)

    return write
