from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge.engine.interface import Vectors
from edge.engine.scripted import ScriptedEmbedder
from edge.errors import BusyError, EngineError, SourceError, StorageError, UsageError
from edge.ingest import mapping
from edge.ingest.build import BuildReport, Note, Progress, build
from edge.ingest.document import SourceDocument
from edge.ingest.readers import read
from edge.packs.pack import Pack
from edge.packs.verify import verify

MakeSource = Callable[..., Path]

PARAGRAPHS = "# Large\n\n" + "\n\n".join(
    f"## Part {n}\n\nPart {n} is fastened with {n} screws of {n} mm, each tightened to {n} Nm by hand. "
    + "Mind it. " * 60
    for n in range(1, 1000)
)


class Interrupted(Exception):
    pass


class CountingEmbedder(ScriptedEmbedder):
    """Counts the texts it embeds, and fails after a number of batches."""

    def __init__(self, batches: int = 1_000_000) -> None:
        self.texts: list[str] = []
        self.batches = batches

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.batches == 0:
            raise EngineError("The embedder died.")
        self.batches -= 1
        self.texts += texts
        return super().embed(texts)


def hash_bytes(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_quickly(source: Path, output: Path, **options: object) -> BuildReport:
    """Build in this process, with vectors from hashed words."""
    return build(source, output, ScriptedEmbedder(), workers=0, **options)  # type: ignore[arg-type]


def list_left_files(output: Path) -> set[str]:
    return {path.name for path in output.parent.iterdir() if path.is_file()} - {output.name}


def test_a_folder_becomes_a_pack(make_source: MakeSource, tmp_path: Path) -> None:
    output = tmp_path / "new" / "pumps.kpack"
    report = build_quickly(make_source(), output)
    assert (report.path, report.documents, report.refused, report.skipped) == (output, 2, (), ())
    assert report.selftest.asked == report.chunks > 1
    assert report.selftest.misses == ()
    assert list_left_files(output) == set()
    verify(output)
    with Pack.open(output) as pack:
        assert (pack.digest, pack.size, pack.chunk_count) == (report.digest, report.size, report.chunks)
        assert [document.name for document in pack.list_documents()] == ["pump.md", "valves/gate.md"]
        assert [document.title for document in pack.list_documents()] == ["PX-200 pump", "Gate valve"]
        assert pack.read_original("valves/gate.md").startswith(b"# Gate valve")
        assert pack.embedder == report.embedder == ScriptedEmbedder.fingerprint
        (found,) = pack.query("SELECT rowid FROM keyword WHERE keyword MATCH 'identifiers : e207'")
        assert "130 °C" in pack.get_chunk(found[0]).text


def test_overrides_reach_the_documents(make_source: MakeSource, tmp_path: Path) -> None:
    toml = '[documents."pump.md"]\ntitle = "Service manual"\napplies_to = ["PX-2*"]'
    build_quickly(make_source(toml=toml), tmp_path / "out.kpack")
    with Pack.open(tmp_path / "out.kpack") as pack:
        assert (pack.list_documents()[0].title, pack.list_documents()[0].applies_to) == (
            "Service manual",
            ("PX-2*",),
        )
        assert pack.list_documents()[1].applies_to == ()


def test_the_same_input_gives_the_same_bytes(make_source: MakeSource, tmp_path: Path) -> None:
    first, second = tmp_path / "first.kpack", tmp_path / "second.kpack"
    build_quickly(make_source(), first)
    elsewhere = make_source(name="elsewhere")
    for path in elsewhere.rglob("*"):
        os.utime(path, (0, 0))
    build(elsewhere, second, ScriptedEmbedder(), workers=2)
    assert hash_bytes(first) == hash_bytes(second)


def test_without_an_embedder_words_alone_are_indexed(make_source: MakeSource, tmp_path: Path) -> None:
    report = build(make_source(), tmp_path / "out.kpack", None, workers=0)
    assert report.embedder == "none"
    assert report.selftest.passed
    verify(tmp_path / "out.kpack")


# Interrupted


def test_interrupted_after_any_step_it_resumes_to_the_same_bytes(
    make_source: MakeSource, tmp_path: Path
) -> None:
    source, expected = make_source(), tmp_path / "expected.kpack"
    steps: list[Progress] = []
    build_quickly(source, expected, progress=steps.append)
    assert {step.stage for step in steps} == {"read", "embed", "write", "words", "test"}
    for stop_at in range(len(steps)):
        output = tmp_path / f"{stop_at}.kpack"
        countdown = iter(range(stop_at, -1, -1))

        def interrupt(step: Progress, countdown: object = countdown) -> None:
            if next(countdown) == 0:  # type: ignore[call-overload]
                raise Interrupted

        with pytest.raises(Interrupted):
            build_quickly(source, output, progress=interrupt)
        assert not output.exists()
        build_quickly(source, output)
        assert hash_bytes(output) == hash_bytes(expected)
        assert f"{output.name}.journal" not in list_left_files(output)


def test_what_was_done_is_not_done_again(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "BATCH", 2)
    source, output = make_source(), tmp_path / "out.kpack"
    with pytest.raises(EngineError):
        build(source, output, CountingEmbedder(batches=1), workers=0)
    second = CountingEmbedder()
    seen: list[str] = []

    def noted(name: str, data: bytes) -> SourceDocument:
        seen.append(name)
        return read(name, data)

    report = build(source, output, second, workers=0, read=noted)
    assert seen == []
    assert report.resumed == 2
    assert len([text for text in second.texts if "\n" in text]) == report.chunks - 2


def test_a_document_that_changed_is_read_again(make_source: MakeSource, tmp_path: Path) -> None:
    source, output = make_source(), tmp_path / "out.kpack"
    with pytest.raises(EngineError):
        build(source, output, CountingEmbedder(batches=0), workers=0)
    make_source({"valves/gate.md": "# Gate valve\n\nReplace the packing of the stem every five years.\n"})
    assert build(source, output, ScriptedEmbedder(), workers=0).resumed == 1
    with Pack.open(output) as pack:
        assert "five years" in pack.get_chunk(pack.chunk_count).text


def test_a_document_that_changes_during_the_build_stops_it(make_source: MakeSource, tmp_path: Path) -> None:
    source, output = make_source(), tmp_path / "out.kpack"

    def meddle(step: Progress) -> None:
        if step.stage == "embed":
            (source / "pump.md").write_text("# Other")

    with pytest.raises(SourceError, match=r"pump\.md changed"):
        build_quickly(source, output, progress=meddle)
    assert not output.exists()


BUILD = """
import sys, threading
from pathlib import Path
from edge.engine.scripted import ScriptedEmbedder
from edge.ingest.build import build

def report(step):
    if step.stage == sys.argv[3] and step.done > 0:
        print(step.stage, flush=True)
        threading.Event().wait()

if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]), ScriptedEmbedder(), report, workers=1)
"""


@pytest.mark.parametrize("stage", ["read", "embed", "write"])
def test_killed_it_resumes_to_the_same_bytes(make_source: MakeSource, tmp_path: Path, stage: str) -> None:
    source, output, expected = make_source(), tmp_path / "out.kpack", tmp_path / "expected.kpack"
    build_quickly(source, expected)
    script = tmp_path / "build.py"
    script.write_text(BUILD)
    arguments = [sys.executable, str(script), str(source), str(output), stage]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == stage
        process.send_signal(signal.SIGKILL)
        assert process.stdout.read() == ""  # returns when the processes that read documents are gone, too
    assert not output.exists()
    assert (tmp_path / "out.kpack.journal").exists()
    report = build_quickly(source, output)
    assert report.resumed > 0
    assert hash_bytes(output) == hash_bytes(expected)
    assert list_left_files(output) == {"expected.kpack", "build.py"}


def test_a_damaged_journal_only_costs_time(make_source: MakeSource, tmp_path: Path) -> None:
    output = tmp_path / "out.kpack"
    (tmp_path / "out.kpack.journal").write_bytes(b"not a database at all" * 100)
    assert build_quickly(make_source(), output).resumed == 0
    assert list_left_files(output) == set()


def test_two_builds_of_one_output_do_not_meet(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.database.BUSY_TIMEOUT_MS", 0)
    source, output = make_source(), tmp_path / "out.kpack"

    def second(step: Progress) -> None:
        with pytest.raises(BusyError):
            build_quickly(source, output)

    assert build_quickly(source, output, progress=second).documents == 2


def test_the_old_pack_stays_until_the_new_one_is_finished(make_source: MakeSource, tmp_path: Path) -> None:
    source, output = make_source(), tmp_path / "out.kpack"
    build_quickly(source, output)
    before = hash_bytes(output)
    make_source({"new.md": "# New\n\nA third document about the lubrication of gears.\n"})
    with pytest.raises(EngineError):
        build(source, output, CountingEmbedder(batches=0), workers=0)
    assert hash_bytes(output) == before
    build_quickly(source, output)
    assert hash_bytes(output) != before


# Bad input


def test_documents_that_cannot_be_read_are_reported_and_left_out(
    make_source: MakeSource, tmp_path: Path
) -> None:
    source = make_source(
        {
            "good.md": "# Good\n\nThe only readable document says that belts need 12 mm of deflection.\n",
            "broken.pdf": b"%PDF-1.7 and then nothing",
            "empty.txt": b"",
            "blank.md": b"\n \n",
            "broken.docx": b"PK\x03\x04 not a document",
        }
    )
    report = build_quickly(source, tmp_path / "out.kpack")
    assert report.documents == 1
    assert [refused.name for refused in report.refused] == [
        "blank.md",
        "broken.docx",
        "broken.pdf",
        "empty.txt",
    ]
    assert all(refused.name in refused.reason and refused.hint for refused in report.refused)


def test_the_notes_of_a_reader_reach_the_report_of_the_build_that_resumes(
    make_source: MakeSource, tmp_path: Path
) -> None:
    def noting(name: str, data: bytes) -> SourceDocument:
        return replace(read(name, data), notes=("A note on page 1 was left out.",) if "gate" in name else ())

    source, output = make_source(), tmp_path / "out.kpack"
    with pytest.raises(EngineError):
        build(source, output, CountingEmbedder(batches=0), workers=0, read=noting)
    report = build(source, output, ScriptedEmbedder(), workers=0)
    assert report.resumed == 2
    assert report.notes == (Note("valves/gate.md", "A note on page 1 was left out."),)


def test_other_files_are_skipped_and_named(make_source: MakeSource, tmp_path: Path) -> None:
    source = make_source(
        {
            "a.md": "# A\n\nText about bearings and their seats.\n",
            "photo.gif": b"x",
            ".hidden.md": b"x",
            "LICENCE": b"x",
        }
    )
    (source / ".git").mkdir()
    (source / ".git" / "notes.md").write_text("# Not this")
    report = build_quickly(source, tmp_path / "out.kpack")
    assert [skipped.name for skipped in report.skipped] == [".hidden.md", "LICENCE", "photo.gif"]
    assert report.documents == 1


def test_a_name_that_is_not_utf_8_is_skipped(make_source: MakeSource, tmp_path: Path) -> None:
    source = make_source()
    Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.md")).write_text("# Coffee\n\nText.\n")
    report = build_quickly(source, tmp_path / "out.kpack")
    assert [skipped.reason for skipped in report.skipped] == ["its name is not valid UTF-8: rename it"]


def test_no_readable_document_is_an_error(make_source: MakeSource, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.txt is empty"):
        build_quickly(make_source({"a.txt": b""}), tmp_path / "out.kpack")
    assert list_left_files(tmp_path / "out.kpack") == set()
    assert not (tmp_path / "out.kpack").exists()


def test_overrides_of_no_document_are_an_error(make_source: MakeSource, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"pumps\.md") as error:
        build_quickly(make_source(toml='[documents."pumps.md"]\ntitle = "x"'), tmp_path / "out.kpack")
    assert error.value.hint == "Did you mean 'pump.md'?"


def test_a_source_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        build_quickly(tmp_path / "none", tmp_path / "out.kpack")
    (tmp_path / "manual.txt").write_text("Check the oil.")
    with pytest.raises(SourceError, match="is not a folder"):
        build_quickly(tmp_path / "manual.txt", tmp_path / "out.kpack")


def test_an_output_that_cannot_be_written_is_an_error(make_source: MakeSource, tmp_path: Path) -> None:
    source = make_source()
    with pytest.raises(UsageError):
        build_quickly(source, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        build_quickly(source, tmp_path / "file" / "out.kpack")


def test_a_full_disk_is_an_error_and_the_next_build_resumes(make_source: MakeSource, tmp_path: Path) -> None:
    """The kernel refuses files beyond a size: a real failing write in the middle of the pack."""
    source, output = make_source({"large.md": PARAGRAPHS}), tmp_path / "out.kpack"
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
    try:
        with pytest.raises(StorageError) as error:
            build_quickly(source, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert error.value.hint
    assert list_left_files(output) <= {"out.kpack.journal", "out.kpack.journal-wal"}
    assert build_quickly(source, output).resumed == 1


CRASH = """
import os
from edge.ingest.readers import read

def crash(name, data):
    if name.startswith("bad"):
        os.abort()
    return read(name, data)
"""


def test_a_document_that_crashes_its_reader_is_left_out(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crashing.py").write_text(CRASH)
    monkeypatch.syspath_prepend(tmp_path)
    import crashing  # type: ignore[import-not-found]

    texts = {
        f"{name}.md": f"# {name}\n\nThe {name} manual speaks of one thing only.\n"
        for name in ("a", "bad", "c", "d")
    }
    report = build(make_source(texts), tmp_path / "out.kpack", None, workers=2, read=crashing.crash)
    assert [refused.name for refused in report.refused] == ["bad.md"]
    assert "crashed its reader" in report.refused[0].reason
    assert report.documents == 3


def test_a_reader_that_fails_unforeseen_costs_one_document(make_source: MakeSource, tmp_path: Path) -> None:
    def faulty(name: str, data: bytes) -> SourceDocument:
        if name == "pump.md":
            raise KeyError("font")
        return read(name, data)

    report = build_quickly(make_source(), tmp_path / "out.kpack", read=faulty)
    assert "KeyError('font')" in report.refused[0].reason
    assert report.documents == 1


def test_a_pack_that_does_not_find_its_own_text_is_not_made(make_source: MakeSource, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"finds only 0 of \d+ of its own sentences.*pump\.md"):
        build_quickly(make_source(), tmp_path / "out.kpack", find=lambda pack, question: [])
    assert list_left_files(tmp_path / "out.kpack") == {"out.kpack.journal"}


def test_a_chunk_of_a_file_without_pages_knows_its_place(make_source: MakeSource, tmp_path: Path) -> None:
    documents = {
        "codes.csv": "Code,Cause\nE1,The pump runs dry\nE2,The motor is too hot\n",
        "manual.html": "<h1 id=top>Pump</h1><p>Read me.</p><h2 id=reset>Reset</h2><p>Hold the red key for 5 s.</p>",
        "note.txt": "Grease the stem of the gate valve twice a year.",
    }
    build_quickly(make_source(documents), tmp_path / "out.kpack")
    with Pack.open(tmp_path / "out.kpack") as pack:
        places = pack.find_places(1, pack.chunk_count)
        found = [
            (chunk.text, places.get(chunk.id, ""))
            for chunk in pack.get_chunks(range(1, pack.chunk_count + 1))
        ]
        verify(pack.path)
    assert found == [
        ("Code: E1 | Cause: The pump runs dry", "row 2"),
        ("Code: E2 | Cause: The motor is too hot", "row 3"),
        ("Read me.", "#top"),
        ("Hold the red key for 5 s.", "#reset"),
        ("Grease the stem of the gate valve twice a year.", ""),
    ]


def test_a_pack_of_files_with_pages_or_no_places_has_the_same_tables_as_before(
    make_source: MakeSource, tmp_path: Path
) -> None:
    build_quickly(
        make_source({"note.txt": "Grease the stem of the gate valve twice a year."}), tmp_path / "a.kpack"
    )
    with Pack.open(tmp_path / "a.kpack") as pack:
        assert pack.find_places(1, 9) == {}
        assert not pack.query("SELECT 1 FROM sqlite_schema WHERE name = 'place'")
