from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.errors import PackError, StorageError
from edge.packs.pack import Pack
from edge.sync.delta import apply, make, patch
from edge.sync.delta.compression import compress, expand
from edge.sync.delta.contents import read_parts
from edge.sync.delta.format import TRAILER_BYTES, open_delta
from tests.conftest import BuildPack
from tests.faults import kill_at_every_step, limit_file_size

SHARED = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="session")
def delta(old: Path, new: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("delta") / "1.0-1.1.kdelta"
    make(old, new, path)
    return path


@contextmanager
def is_refused(folder: Path, match: str | None = None) -> Iterator[None]:
    """Refused with something to do about it, and nothing is left in the folder."""
    with pytest.raises(PackError, match=match) as error:
        yield
    assert error.value.hint
    assert list(folder.iterdir()) == []


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    return tmp_path / "forged.kdelta"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "made.kpack"


def replace_index(delta: Path, to: Path, change: Change, more: bytes = b"") -> Path:
    """Return the delta with another index: ``change`` alters its JSON in place. ``more`` goes behind the parts."""
    data = delta.read_bytes()
    end = len(data) - TRAILER_BYTES
    start = end - int.from_bytes(data[end : end + 8], "big")
    index = json.loads(expand(data[start:end], 10**6))
    change(index)
    frame = compress(json.dumps(index).encode())
    to.write_bytes(data[:start] + more + frame + len(frame).to_bytes(8, "big") + data[-8:])
    return to


def replace_description(old: Path, delta: Path, to: Path, change: Change) -> Path:
    """Return the delta with its first document described otherwise."""
    with Pack.open(old) as pack, open_delta(delta, 10**7) as reader:
        entry = reader.index.content.documents[0]  # type: ignore[union-attr]
        base = read_parts(pack, pack.get_document_by_id(entry.base)).description()
        description = json.loads(reader.read(entry.description, base))
        start = max(part.start + part.length for part in reader.list_parts())
    change(description)
    data = json.dumps(description).encode()
    frame = compress(data, base)
    part = {"start": start, "length": len(frame), "size": len(data)}
    return replace_index(
        delta, to, lambda index: index["content"]["documents"][0].update(description=part), frame
    )


def test_progress_counts_the_documents(old: Path, delta: Path, out: Path, new: Path) -> None:
    steps: list[tuple[int, int]] = []
    apply(old, delta, out, new.stat().st_size, lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_what_was_there_is_replaced_only_by_the_new_pack(
    old: Path, new: Path, delta: Path, out: Path, build_pack: BuildPack
) -> None:
    out.write_bytes(b"before")
    with pytest.raises(PackError):
        apply(build_pack(name="other"), delta, out, 10**7)
    assert out.read_bytes() == b"before"
    apply(old, delta, out, 10**7)
    assert out.read_bytes() == new.read_bytes()


def test_a_delta_starts_from_one_pack_alone(delta: Path, new: Path, out: Path, build_pack: BuildPack) -> None:
    with is_refused(out.parent, "does not start from pumps.kpack"):
        apply(new, delta, out, 10**7)


def test_another_sqlite_would_write_other_bytes(
    old: Path, delta: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patch, "read_versions", lambda: ("3.99.0", "0.1.9"))
    with is_refused(out.parent, r"made with SQLite 3\.5.* this edge has 3\.99\.0"):
        apply(old, delta, out, 10**7)


def test_a_pack_may_not_be_larger_than_its_target_says(old: Path, new: Path, delta: Path, out: Path) -> None:
    size = new.stat().st_size
    with is_refused(out.parent, f"more than {size - 1} bytes"):
        apply(old, delta, out, size - 1)
    apply(old, delta, out, size)


def test_a_damaged_old_pack_does_not_become_the_new_one(
    old: Path, delta: Path, out: Path, tmp_path: Path
) -> None:
    """A letter of the document that is kept has changed: every step works, only the digest tells."""
    data = old.read_bytes()
    (tmp_path / "damaged.kpack").write_bytes(data.replace(b"Lock out the main", b"LOCK out the main"))
    with is_refused(out.parent, "is not the new pack"):
        apply(tmp_path / "damaged.kpack", delta, out, 10**7)


def test_interrupted_nothing_is_left(old: Path, delta: Path, out: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(old, delta, out, 10**7, interrupt)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("room", [0, 1, 100_000, 300_000, 442_000])
def test_a_full_disk_is_told_and_nothing_is_left(old: Path, delta: Path, out: Path, room: int) -> None:
    with limit_file_size(room), pytest.raises(StorageError):
        apply(old, delta, out, 10**7)
    assert list(out.parent.iterdir()) == []


def read_documents(index: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries: one given, one kept, one given."""
    entries: list[dict[str, Any]] = index["content"]["documents"]
    return entries


WRONG_INDEXES: dict[str, Change] = {
    "an unknown field": lambda index: index.update(more=1),
    "a field is missing": lambda index: index.pop("new"),
    "no digest": lambda index: index.update(new="../../etc/passwd"),
    "a number as text": lambda index: index.update(size="442416"),
    "less than nothing": lambda index: read_documents(index)[0]["original"].update(start=-1),
    "beyond the file": lambda index: read_documents(index)[0]["original"].update(length=10**6),
    "beyond every file": lambda index: read_documents(index)[0]["original"].update(start=2**63),
    "larger than allowed": lambda index: read_documents(index)[0]["original"].update(size=10**7),
    "shorter than it is": lambda index: read_documents(index)[0]["original"].update(size=1),
    "longer than it is": lambda index: read_documents(index)[0]["original"].update(size=10**6),
    "a document that is not there": lambda index: read_documents(index)[1].update(first=9),
    "countless documents": lambda index: read_documents(index)[1].update(count=2**39),
    "a document kept twice": lambda index: read_documents(index).append(read_documents(index)[1]),
    "a document given twice": lambda index: read_documents(index).append(read_documents(index)[0]),
    "another base": lambda index: read_documents(index)[0].update(base=2),
    "no base": lambda index: read_documents(index)[0].update(base=0),
    "no documents": lambda index: read_documents(index).clear(),
    "parts exchanged": lambda index: read_documents(index)[0].update(
        vectors=read_documents(index)[0]["original"]
    ),
    "vectors of another document": lambda index: read_documents(index)[2].update(
        read_documents(index)[0] | {"base": 2}
    ),
    "words without vectors": lambda index: index["content"]["words"].append("word"),
    "no vectors all at once": lambda index: index["content"].update(embedder="none"),
    "no manifest": lambda index: index["content"].update(manifest="[" * 100_000),
    "another manifest": lambda index: index["content"].update(manifest='{"name": "../x"}'),
    "larger than it says": lambda index: index.update(size=1),
}


@pytest.mark.parametrize("change", WRONG_INDEXES.values(), ids=WRONG_INDEXES)
def test_an_index_that_is_wrong_is_refused(
    old: Path, delta: Path, forged: Path, out: Path, change: Change
) -> None:
    replace_index(delta, forged, change)
    with is_refused(out.parent):
        apply(old, forged, out, 10**6)


def record(**changed: Any) -> Change:
    """Changes the first record of a description."""
    fields = ("kind", "heading", "text", "page_from", "page_to", "section", "boxes")

    def change(description: dict[str, Any]) -> None:
        for name, value in changed.items():
            description["records"][0][fields.index(name)] = value

    return change


WRONG_DESCRIPTIONS: dict[str, Change] = {
    "the name of another": lambda description: description.update(name="isolation.md"),
    "a page twice": lambda description: description.update(pages=[[1, None, 0, 0]] * 2),
    "no title": lambda description: description.pop("title"),
    "another digest": lambda description: description.update(sha256="0"),
    "records without vectors": lambda description: description.update(records=description["records"] * 9),
    "no records": lambda description: description["records"].clear(),
    "a kind unknown": record(kind="picture"),
    "half a character": record(text="\ud800"),
    "text that is no text": record(text=1),
    "other text": record(text="Something else. And more. And more than that.\0"),
    "a page beyond every number": record(page_from=2**63),
    "a box without sides": record(boxes=[[1]]),
    "a box of words": record(boxes=[[1, "left", "top", "right", "bottom"]]),
    "a box without end": record(boxes=[[1, 0.1, 0.2, 0.3, float("inf")]]),
    "a box of a large number": record(boxes=[[1, 0.1, 0.2, 0.3, 10**400]]),
}


@pytest.mark.parametrize("change", WRONG_DESCRIPTIONS.values(), ids=WRONG_DESCRIPTIONS)
def test_a_description_that_is_wrong_is_refused(
    old: Path, delta: Path, forged: Path, out: Path, change: Change
) -> None:
    replace_description(old, delta, forged, change)
    with is_refused(out.parent):
        apply(old, forged, out, 10**6)


def test_an_index_says_nothing_but_what_is_read(old: Path, delta: Path, forged: Path, out: Path) -> None:
    """The helpers above forge well: unchanged, both make the new pack."""
    for same in (
        replace_index(delta, forged, lambda index: None),
        replace_description(old, delta, forged, lambda description: None),
    ):
        apply(old, same, out, 10**6)
        out.unlink()


@SHARED
@given(data=st.data())
def test_whatever_happens_to_its_bytes_it_is_refused(
    old: Path, new: Path, delta: Path, forged: Path, out: Path, data: st.DataObject
) -> None:
    original = delta.read_bytes()
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(len(original), start + 40)))
    forged.write_bytes(original[:start] + data.draw(st.binary(max_size=40)) + original[end:])
    apply_or_refuse(old, new, forged, out)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@SHARED
@given(data=st.data())
def test_whatever_its_index_says_it_is_refused(
    old: Path, new: Path, delta: Path, forged: Path, out: Path, data: st.DataObject
) -> None:
    replace_index(delta, forged, lambda index: alter(index, data))
    apply_or_refuse(old, new, forged, out)


@SHARED
@given(data=st.data())
def test_however_its_documents_are_described_it_is_refused(
    old: Path, new: Path, delta: Path, forged: Path, out: Path, data: st.DataObject
) -> None:
    replace_description(old, delta, forged, lambda description: alter(description, data))
    apply_or_refuse(old, new, forged, out)


def alter(value: Any, data: st.DataObject) -> None:
    """Replace something, somewhere inside, by anything."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = data.draw(st.sampled_from(keys))
    if isinstance(value[key], dict | list) and data.draw(st.booleans()):
        alter(value[key], data)
    else:
        value[key] = data.draw(JSON)


def apply_or_refuse(old: Path, new: Path, delta: Path, out: Path) -> None:
    try:
        apply(old, delta, out, 10**6)
    except PackError:
        assert list(out.parent.iterdir()) == []
    else:
        assert out.read_bytes() == new.read_bytes()
        out.unlink()


def apply_in(home: Path) -> None:
    apply(home / "old.kpack", home / "delta", home / "new.kpack", 10**6)


def test_killed_at_any_step_the_new_pack_is_there_or_not(
    old: Path, new: Path, delta: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(old, home / "old.kpack")
    shutil.copy(delta, home / "delta")
    seen = set()
    for killed in kill_at_every_step(home, apply_in):
        made = killed / "new.kpack"
        seen.add(made.exists())
        assert not made.exists() or made.read_bytes() == new.read_bytes()
        apply_in(killed)
        assert sorted(path.name for path in killed.iterdir()) == ["delta", "new.kpack", "old.kpack"]
        assert made.read_bytes() == new.read_bytes()
    assert seen == {True, False}
