"""Whatever is damaged in the one file is named wherever it is met: by an error, a note or a check, not by a crash."""

from __future__ import annotations

import json
import random
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.admit import admit
from edge.bundle.bundle import Bundle, open_bundle
from edge.bundle.compose import add_part
from edge.embedded import table
from edge.embedded.table import FOOTER_SIZE, PAGE, Part
from tests.binary.conftest import TINY_MODEL, Done, Run, serve
from tests.binary.test_program import QUESTION
from tests.bundle.test_compose import flip

MODEL, PACK = TINY_MODEL.name, "starter.kpack"
DAMAGED = 8
PAGE_OF_SQLITE = 4096
RANDOM_CASES = 200

COMMANDS = (
    ("bundle", "verify"), ("bundle", "list"), ("ask", QUESTION), ("doctor",), ("self-test",), ("pack", "list"),
    ("model", "list"), ("search", "torque"),
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(program: Path, starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The program with the tiny model and the starter pack inside. Whoever damages it mends it."""
    path = Path(shutil.copy(program, tmp_path_factory.mktemp("whole") / "edge"))
    bundle = add_part(open_bundle(path), admit(TINY_MODEL), path)
    return add_part(bundle, admit(starter), path)


@pytest.fixture
def edge(run: Run, whole: Bundle) -> Run:
    """Runs it, whatever comes of it but a crash."""
    return lambda *arguments: survived(run(*arguments, program=whole.path, code=None))


def survived(done: Done) -> Done:
    """Return what a command said, if it ended as programs do."""
    assert "Traceback" not in done.stdout + done.stderr
    assert 0 <= done.returncode < 128, done
    return done


@contextmanager
def flipped(bundle: Bundle, at: int) -> Iterator[None]:
    """Make one bit of the program wrong."""
    flip(bundle.path, at)
    try:
        yield
    finally:
        flip(bundle.path, at)


@contextmanager
def contents(bundle: Bundle, *parts: Part) -> Iterator[None]:
    """Give the program another table of contents, with the right checksums."""
    data = bundle.path.read_bytes()
    start = len(data) - len(table.encode(bundle.parts, 0, b""))
    with bundle.path.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        file.write(table.encode(parts, start, data[: bundle.parts[1].size]))
    try:
        yield
    finally:
        bundle.path.write_bytes(data)


def places(part: Part, *, model: bool) -> dict[str, int]:
    """Choose where to damage a part."""
    inner = (
        {"magic": 0, "number of tensors": 9, "metadata": 300, "weights": part.size // 2, "last weight": part.size - 1}
        if model
        else {
            "magic": 3, "page size": 17, "schema": 110, "first table": PAGE_OF_SQLITE + 1, "middle": part.size // 2,
            "trailer": part.size - 45, "digest": part.size - 5,
        }
    )  # fmt: skip
    return {name: part.offset + at for name, at in inner.items()}


def failing(done: Done) -> str:
    """Return the checks that failed, of those that were made."""
    checks = json.loads(done.stdout)["checks"]
    return "\n".join(check["detail"] for check in checks if check["status"] == "fail")


def chat(address: str) -> tuple[int, dict[str, Any]]:
    """Status and body of an answer over HTTP."""
    body = json.dumps({"message": QUESTION}).encode()
    request = urllib.request.Request(f"{address}/chat", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("place", ["magic", "number of tensors", "metadata", "weights", "last weight"])
def test_a_damaged_model_does_not_answer(
    edge: Run, whole: Bundle, environment: Mapping[str, str], place: str
) -> None:
    named = f"{MODEL} inside edge is damaged."
    with flipped(whole, places(whole.get_part(MODEL), model=True)[place]):
        verdict = edge("bundle", "verify")
        assert (verdict.returncode, verdict.stdout.count("DAMAGED")) == (DAMAGED, 1)
        assert f"DAMAGED model {MODEL}" in verdict.stdout
        assert edge("bundle", "list").returncode == 0
        taken = edge("bundle", "extract", MODEL)
        assert taken.returncode == DAMAGED
        assert f"model {MODEL}" in taken.stderr
        answer = json.loads(edge("ask", QUESTION, "--json").stdout)
        assert (answer["engine"], answer["notice"].partition(". ")[0] + ".") == ("extractive", named)
        assert "88" in answer["answer"]
        for command in ("doctor", "--deep"), ("self-test",):
            done = edge(*command, "--json")
            assert done.returncode == 1
            assert named in failing(done)
        with serve(whole.path, environment) as address:
            status, answer = chat(address)
            assert (status, answer["engine"], named in answer["notice"]) == (200, "extractive", True)


@pytest.mark.parametrize(
    "place", ["magic", "page size", "schema", "first table", "middle", "trailer", "digest"]
)
def test_a_damaged_pack_is_not_quoted(
    edge: Run, whole: Bundle, environment: Mapping[str, str], place: str
) -> None:
    named = f"{PACK} inside edge is damaged."
    with flipped(whole, places(whole.get_part(PACK), model=False)[place]):
        verdict = edge("bundle", "verify")
        assert (verdict.returncode, verdict.stdout.count("DAMAGED")) == (DAMAGED, 1)
        assert f"DAMAGED pack {PACK}" in verdict.stdout
        assert edge("bundle", "extract", PACK).returncode == DAMAGED
        for command in ("ask", QUESTION), ("search", "torque"):
            done = edge(*command)
            assert done.returncode == DAMAGED
            assert named in done.stderr
            assert "Copy the program again" in done.stderr
        for command in ("doctor",), ("self-test",):
            done = edge(*command, "--json")
            assert done.returncode == 1
            assert named in failing(done)
        with serve(whole.path, environment) as address:
            status, problem = chat(address)
            assert (status, named in problem["detail"]) == (507, True)
            with urllib.request.urlopen(f"{address}/health") as health:
                assert json.load(health)["status"] == "degraded"


def test_a_damaged_launcher_or_archive_is_named(run: Run, program: Path, whole: Bundle, edge: Run) -> None:
    archive, launcher = whole.parts[:2]
    with flipped(whole, launcher.end - 100):
        done = run("bundle", "verify", "--program", str(whole.path), program=program, code=DAMAGED)
        assert [line for line in done.stdout.splitlines() if "DAMAGED" in line] == ["DAMAGED launcher"]
    with flipped(whole, archive.offset + archive.size // 2):
        assert "DAMAGED program" in edge("bundle", "verify").stdout
        done = edge("self-test", "--json")
        assert done.returncode == 1
        assert failing(done).startswith("program, ")
    with flipped(whole, archive.end):
        assert f"DAMAGED padding before model {MODEL}" in edge("bundle", "verify").stdout


@pytest.mark.parametrize(
    "behind", [1, 20, 50, 64, 64 + 5, 64 + 200], ids=lambda behind: f"{behind} before the end"
)
def test_a_damaged_table_or_footer_is_named_by_every_command(edge: Run, whole: Bundle, behind: int) -> None:
    what = "footer" if behind <= FOOTER_SIZE else "table of contents"
    with flipped(whole, whole.path.stat().st_size - behind):
        for command in COMMANDS:
            done = edge(*command)
            assert done.returncode == DAMAGED
            assert what in done.stderr


def test_a_table_that_leads_elsewhere_is_named(edge: Run, whole: Bundle) -> None:
    program, launcher, model, pack = whole.parts
    exchanged = (replace(model, name=PACK, kind="pack"), replace(pack, name=MODEL, kind="model"))
    with contents(whole, program, launcher, *exchanged):
        done = edge("ask", QUESTION)
        assert done.returncode == DAMAGED
        assert f"{PACK} inside edge is damaged." in done.stderr
        assert failing(edge("self-test", "--json")).count("is damaged.") >= 2
    with contents(whole, program, launcher, model, replace(pack, name="other.kpack")):
        assert "other.kpack inside edge is damaged." in edge("ask", QUESTION).stderr
    nonsense = (
        (program, launcher, model, replace(pack, offset=model.offset)),
        (program, launcher, replace(model, offset=0), pack),
        (program, launcher, model, replace(pack, offset=pack.offset + PAGE * 1000)),
        (program, launcher, model, replace(model, offset=pack.offset)),
        (program, model, pack),
        (program, launcher, replace(model, kind="program"), pack),
    )
    for parts in nonsense:
        with contents(whole, *parts):
            for command in COMMANDS:
                done = edge(*command)
                checks = command[0] in ("doctor", "self-test")
                assert done.returncode == (1 if checks else DAMAGED), done
                assert "edge is damaged: the table of contents" in (done.stdout if checks else done.stderr)


def test_a_program_that_was_cut_short_anywhere_is_refused(
    run: Run, program: Path, whole: Bundle, tmp_path: Path
) -> None:
    size, copy = whole.path.stat().st_size, tmp_path / "edge"
    launcher = whole.parts[0].offset
    cuts = [
        size - 1,
        size - 64,
        size - 300,
        whole.get_part(PACK).offset + 5,
        whole.get_part(MODEL).end,
        launcher,
        64,
        1,
        0,
    ]
    for cut in cuts:
        with whole.path.open("rb") as file:
            copy.write_bytes(file.read(cut))
        done = run("bundle", "verify", "--program", str(copy), program=program, code=None)
        assert survived(done).returncode == 3
        assert "cut short" in done.stderr
        if cut >= launcher:
            copy.chmod(0o755)
            done = run("ask", QUESTION, program=copy, code=DAMAGED)
            assert "cut short" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_that_is_damaged_by_chance_is_met_by_a_crash(
    run: Run, program: Path, whole: Bundle, edge: Run
) -> None:
    """A third each of the flips hits model, pack, and any byte behind the launcher."""
    chance, size = random.Random(5), whole.path.stat().st_size
    stretches = [
        whole.get_part(MODEL),
        whole.get_part(PACK),
        replace(whole.parts[0], size=size - whole.parts[0].offset),
    ]
    for number in range(RANDOM_CASES):
        part = stretches[number % 3]
        at = part.offset + chance.randrange(part.size)
        with flipped(whole, at):
            command = COMMANDS[number // 3 % len(COMMANDS)]
            edge(*command)
            done = run("bundle", "verify", "--program", str(whole.path), program=program, code=None)
            assert survived(done).returncode in (3, DAMAGED), at
            assert "DAMAGED" in done.stdout or "damaged" in done.stderr or "cut short" in done.stderr, at
