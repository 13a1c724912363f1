"""Is everything in order? One check after another, each a fact with its status; nothing is changed and nothing stops at
the first fault. Showing them is left to ``edge doctor``.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from edge import wiring
from edge.config import Settings
from edge.database import open_memory
from edge.engine.interface import Embedder
from edge.engine.machine import physical_cores
from edge.engine.models import ModelStore, check_language_model
from edge.errors import EdgeError
from edge.inside.part import status
from edge.packs.format import check_digest
from edge.packs.store import InstalledPack, PackStore
from edge.publish import selftest
from edge.sync import clock
from edge.sync.ratchet import Ratchet
from edge.text.sizes import size
from edge.types import Message, Prompt

Status = Literal["ok", "warn", "fail"]

FEATURES = ("avx", "avx2", "avx512f", "f16c", "fma", "asimd", "asimddp", "i8mm", "sve")
"""Processor features that llama.cpp is faster with."""

LOW_MEMORY = 10**9
LOW_DISK = 10**9
SENTENCES = ("The pump has lost its prime.", "There is air in the pump.", "Invoices are sent on Friday.")
"""The first two say nearly the same, the third does not."""
ASKED = "Why has the pump lost its prime?"
REPLIES = ("There is air in the pump.", "Invoices are sent on Friday.")
"""The first answers, the second does not."""


@dataclass(frozen=True, slots=True)
class Check:
    """One fact: ``warn`` works but deserves a look, ``fail`` does not work. ``hint`` says what to do."""

    name: str
    status: Status
    detail: str
    hint: str = ""


def diagnose(settings: Settings, deep: bool = False) -> Iterator[Check]:
    """Every check in order, as each is done. ``deep`` also loads the language model and lets it write."""
    yield _safely("python", python)
    yield _safely("processor", processor)
    yield _safely("memory", memory)
    yield _safely("home", lambda: home(settings.home))
    yield _safely("sqlite", sqlite)
    embedder: Embedder | None = None
    try:
        embedder = wiring.make_embedder(settings)
        yield _safely("embedder", lambda: embedding(embedder, wanted=settings.embedder != "none"))
    except EdgeError as error:
        yield _failed("embedder", error)
    try:
        yield from packs(PackStore(settings), embedder)
    finally:
        if embedder is not None:
            embedder.close()
    yield _safely("reranker", lambda: reranking(settings))
    yield _safely("sync", lambda: synced(settings))
    yield _safely("model", lambda: model(ModelStore(settings)))
    if deep and ModelStore(settings).active():
        yield _safely("writing", lambda: writing(settings))
    yield from left_overs(settings)


def python() -> Check:
    """The interpreter and the platform."""
    version = platform.python_version()
    where = f"Python {version} on {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        return Check("python", "warn", where, "edge is tested on Linux.")
    return Check("python", "ok", where)


def processor(cpuinfo: Path = Path("/proc/cpuinfo"), machine: str = "") -> Check:
    """Cores this process may use, and what they can do."""
    try:
        words = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        words = set()
    features = [feature for feature in FEATURES if feature in words]
    detail = f"{physical_cores()} cores; {' '.join(features) or 'features unknown'}"
    if (machine or platform.machine()) == "x86_64" and words and "avx2" not in words:
        return Check("processor", "warn", detail, "Without AVX2 a language model is several times slower.")
    return Check("processor", "ok", detail)


def memory(meminfo: Path = Path("/proc/meminfo")) -> Check:
    """Memory in all, and what is left."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        total, free = (int(lines[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError):
        return Check("memory", "ok", "size unknown")
    detail = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"
    if free < LOW_MEMORY:
        return Check("memory", "warn", detail, "A language model may not fit; answers that quote do.")
    return Check("memory", "ok", detail)


def home(folder: Path) -> Check:
    """Whether state can be written, and how much. A folder that does not exist yet is not made."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{folder}, {size(free)} free"
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
    except OSError as error:
        hint = (
            "Questions are answered all the same, but nothing can be installed. Set EDGE_HOME to change that."
        )
        return Check("home", "warn", f"{detail}; not writable: {error.strerror}", hint)
    if free < LOW_DISK:
        return Check("home", "warn", detail, "Free some space before the next pack or model comes.")
    return Check("home", "ok", detail)


def sqlite() -> Check:
    """SQLite with FTS5 and sqlite-vec, put to use."""
    with closing(open_memory()) as connection:
        ((version, vectors),) = connection.execute("SELECT sqlite_version(), vec_version()")
        connection.execute("CREATE VIRTUAL TABLE word USING fts5(text, tokenize='porter')")
        connection.execute("INSERT INTO word VALUES ('pumps')")
        found = connection.execute("SELECT count(*) FROM word WHERE word MATCH 'pump'").fetchall()
        connection.execute("CREATE VIRTUAL TABLE place USING vec0(at INT8[8])")
        connection.execute("INSERT INTO place VALUES (7, vec_int8(x'0102030405060708'))")
        sql = "SELECT rowid FROM place WHERE at MATCH vec_int8(x'0102030405060709') AND k = 1"
        nearest = connection.execute(sql).fetchall()
    detail = f"SQLite {version} with FTS5, sqlite-vec {vectors}"
    if found != [(1,)] or nearest != [(7,)]:
        return Check("sqlite", "fail", f"{detail}, but a search finds the wrong rows", "Install edge again.")
    return Check("sqlite", "ok", detail)


def embedding(embedder: Embedder | None, wanted: bool = True) -> Check:
    """Whether the embedder starts, how fast it is, and whether like sentences come out alike."""
    if embedder is None:
        if not wanted:
            return Check("embedder", "ok", "switched off; search is by words alone")
        hint = "Set 'embedder' to a MiniLM in GGUF form, or install edge again."
        return Check("embedder", "warn", "none; search is by words alone", hint)
    start = time.perf_counter()
    vectors = embedder.embed(SENTENCES)
    started = time.perf_counter()
    embedder.embed(SENTENCES[:1])
    once = time.perf_counter() - started
    detail = (
        f"{embedder.fingerprint}; starts in {started - start:.1f} s, a question takes {once * 1000:.0f} ms"
    )
    like, unlike = np.asarray(vectors[1:] @ vectors[0])
    if not like > unlike:
        return Check(
            "embedder", "fail", f"{detail}; its vectors mean nothing", "Use the MiniLM that came with edge."
        )
    return Check("embedder", "ok", detail)


def reranking(settings: Settings) -> Check:
    """Whether the reranker starts, how fast it reads, and whether it puts an answer above a sentence about nothing."""
    reranker = wiring.make_reranker(settings)
    if reranker is None:
        why = "switched off" if settings.reranker == "none" else "none"
        return Check("reranker", "ok", f"{why}; passages stay in the order they were found in")
    with closing(reranker):
        start = time.perf_counter()
        reranker.scores(ASKED, REPLIES[:1])
        started = time.perf_counter()
        reranker.scores(ASKED, [" ".join(REPLIES * 10)])
        each = (time.perf_counter() - started) * 1000
        answer, other = reranker.scores(ASKED, REPLIES)
    detail = f"{reranker.name}; starts in {started - start:.1f} s, 110 words take {each:.0f} ms"
    if not answer > other:
        hint = "Remove it, or set 'reranker' to 'none'."
        return Check("reranker", "fail", f"{detail}; its scores mean nothing", hint)
    if settings.rerank_ms and each * 2 > settings.rerank_ms:
        hint = "Use a smaller one, or give it more time with 'rerank_ms'."
        return Check("reranker", "warn", f"{detail}: too slow to be of use in {settings.rerank_ms} ms", hint)
    return Check("reranker", "ok", detail)


def packs(store: PackStore, embedder: Embedder | None) -> Iterator[Check]:
    """Every installed pack: those that cannot be opened, and how the others are."""
    broken = store.problems()
    for problem in broken:
        yield Check("pack", "fail", f"{problem.name}: {problem.error.message}", problem.error.hint)
    installed = store.list()
    if not installed and not broken:
        yield Check("pack", "warn", "none is installed", "Install one: edge pack install FILE.kpack")
    for pack in installed:
        yield _safely("pack", partial(knowledge, store, pack, embedder))


def knowledge(store: PackStore, installed: InstalledPack, embedder: Embedder | None) -> Check:
    """One pack: whether every byte is as it was built, its age, whether its vectors fit the embedder, and whether it
    finds its own sentences."""
    check_digest(installed.path)
    with store.open(installed.name) as pack:
        fits = embedder is None or pack.embedder == embedder.fingerprint
        test = selftest.run(pack, wiring.find(embedder))
        documents = len(pack.documents())
    days = int((time.time() - status(installed.path).st_mtime) // 86400)
    facts = (
        f"{installed.name} {installed.version}",
        "signed" if installed.signed else "UNSIGNED",
        "1 document" if documents == 1 else f"{documents} documents",
        "installed today" if days < 1 else f"{days} days old",
    )
    detail = f"{', '.join(facts)}; finds {test.found} of {test.asked} of its sentences"
    if not test.passed:
        return Check(
            "pack", "fail", detail, "Install the pack again, or build it from documents without garbled text."
        )
    if not fits:
        hint = "Build it again with this embedder; until then it is searched by words alone."
        return Check("pack", "warn", f"{detail}; its vectors are of another embedder", hint)
    if not installed.signed:
        return Check("pack", "warn", detail, "Nobody vouches for its contents.")
    return Check("pack", "ok", detail)


def model(store: ModelStore) -> Check:
    """The language model's file; it is not loaded."""
    path = store.active()
    if path is None:
        return Check("model", "ok", "none; answers quote the manuals")
    header = check_language_model(path)
    return Check("model", "ok", f"{path.stem}, {header.architecture}, {size(path.stat().st_size)}")


def writing(settings: Settings) -> Check:
    """The language model loaded, and asked for a few words."""
    messages = (Message("user", "Say: ready"),)
    start = time.perf_counter()
    with wiring.build(settings) as edge:
        pieces = edge.engine("llama").stream(Prompt("Say: ready", (), messages, 8))
        first = next(pieces, None)
        loaded = time.perf_counter() - start
        rest = sum(1 for _ in pieces)
    seconds = time.perf_counter() - start - loaded
    if first is None:
        return Check("writing", "warn", "the model loads but writes nothing", "Try another model.")
    speed = f", then {rest / seconds:.0f} tokens a second" if rest and seconds > 0 else ""
    return Check("writing", "ok", f"first word after {loaded:.1f} s{speed}")


def synced(settings: Settings, now: Callable[[], datetime] = clock.now) -> Check:
    """Whom this device takes packs from, and how old the publisher's list is. Nothing is disabled for its age."""
    memory = settings.sync_dir / "trust.sqlite"
    last = None
    if memory.exists():
        with closing(Ratchet(memory)) as ratchet:
            last = ratchet.last()
    if last is None:
        return Check("sync", "ok", "has never synced; packs are installed by hand")
    days = (clock.trusted_time(now(), last.time) - last.time).days + (last.stale_days or 0)
    detail = f"list {last.version} from {last.source}, {days} {'day' if days == 1 else 'days'} old"
    if days > clock.TIMESTAMP_LIFE.days:
        return Check("sync", "warn", detail, "There may be newer packs: edge sync")
    return Check("sync", "ok", detail)


def left_overs(settings: Settings) -> Iterator[Check]:
    """What interrupted work left behind."""
    folders = (settings.packs_dir.glob(".staging-*"), settings.packs_dir.glob(".trash-*"))
    found = [path.name for folder in folders for path in folder]
    found += [path.name for path in settings.models_dir.glob("*.partial")]
    if found:
        hint = "The next change of packs or models removes it."
        yield Check(
            "left over", "warn", f"from an interrupted installation: {', '.join(sorted(found))}", hint
        )


def _safely(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot be carried out is one that failed."""
    try:
        return check()
    except EdgeError as error:
        return _failed(name, error)
    except Exception as error:  # a broken installation fails in ways nobody foresaw
        return Check(name, "fail", f"{type(error).__name__}: {error}", "Install edge again.")


def _failed(name: str, error: EdgeError) -> Check:
    return Check(name, "fail", error.message, error.hint)
