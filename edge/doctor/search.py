"""Checks what a search needs: the embedder, the reranker, the packs, and how old the publisher's list is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial

import numpy as np

from edge import app
from edge.config import Settings
from edge.doctor.check import Check, Status, run_check
from edge.embedded.bundled import BundledFile
from edge.embedded.part import read_status as file_status
from edge.engine.interface import Embedder
from edge.packs.store import InstalledPack, PackStore
from edge.packs.verify import verify
from edge.retrieval import selftest
from edge.sync import clock
from edge.sync.ratchet import Ratchet

SENTENCES = ("The pump has lost its prime.", "There is air in the pump.", "Invoices are sent on Friday.")
"""The first two say nearly the same, the third does not."""
QUESTION = "Why has the pump lost its prime?"
REPLIES = ("There is air in the pump.", "Invoices are sent on Friday.")
"""The first answers, the second does not."""


def check_embedder(embedder: Embedder | None, wanted: bool = True) -> Check:
    """Check that the embedder starts and that like sentences get like vectors; measure how fast it is."""
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


def check_reranker(settings: Settings) -> Check:
    """Check that the reranker starts and puts an answer above another sentence; measure how fast it reads."""
    reranker = app.make_reranker(settings)
    if reranker is None:
        why = "switched off" if settings.reranker == "none" else "none"
        return Check("reranker", "ok", f"{why}; passages stay in the order they were found in")
    with closing(reranker):
        start = time.perf_counter()
        reranker.score(QUESTION, REPLIES[:1])
        started = time.perf_counter()
        reranker.score(QUESTION, [" ".join(REPLIES * 10)])
        each = (time.perf_counter() - started) * 1000
        answer, other = reranker.score(QUESTION, REPLIES)
    detail = f"{reranker.name}; starts in {started - start:.1f} s, 110 words take {each:.0f} ms"
    if not answer > other:
        hint = "Remove it, or set 'reranker' to 'none'."
        return Check("reranker", "fail", f"{detail}; its scores mean nothing", hint)
    if settings.rerank_ms and each * 2 > settings.rerank_ms:
        hint = "Use a smaller one, or give it more time with 'rerank_ms'."
        return Check("reranker", "warn", f"{detail}: too slow to be of use in {settings.rerank_ms} ms", hint)
    return Check("reranker", "ok", detail)


def check_packs(store: PackStore, embedder: Embedder | None) -> Iterator[Check]:
    """Check every pack, those first that cannot be opened."""
    broken = store.find_problems()
    installed = store.list()
    for problem in broken:  # a stick may hold anything, as long as another pack can answer
        status: Status = "warn" if problem.place == "beside" and installed else "fail"
        yield Check("pack", status, f"{problem.name}: {problem.error.message}", problem.error.hint)
    for pack in store.list_shadowed():
        detail = (
            f"{BundledFile(pack.path, pack.place)} is not used: another pack named {pack.name} goes first"
        )
        yield Check("pack", "ok", detail)
    if not installed and not broken:
        yield Check("pack", "warn", "none is installed", "Install one: edge pack install FILE.kpack")
    for each in installed:
        yield run_check("pack", partial(check_pack, store, each, embedder))


def check_pack(store: PackStore, installed: InstalledPack, embedder: Embedder | None) -> Check:
    """Check one pack whole, its age, that its vectors fit the embedder, and that it finds its own sentences."""
    verify(installed.path)
    with store.open(installed.name) as pack:
        fits = embedder is None or pack.embedder == embedder.fingerprint
        test = selftest.run(pack, app.make_find(embedder))
        documents = len(pack.list_documents())
    days = int((time.time() - file_status(installed.path).st_mtime) // 86400)
    facts = (
        f"{installed.name} {installed.version}",
        "signed" if installed.signed else "UNSIGNED",
        "1 document" if documents == 1 else f"{documents} documents",
        f"{installed.place} the program" if installed.place != "installed"
        else "installed today" if days < 1 else f"{days} days old",
    )  # fmt: skip
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


def check_audit(settings: Settings) -> Check:
    """Check the last row of the audit log against its last checkpoint."""
    from edge.audit.store import exists
    from edge.audit.verify import check_head
    from edge.audit.witness import find_own_alarm, list_seen

    if settings.audit == "off":
        return Check("audit", "ok", "turned off")
    if not exists(settings.audit_dir):
        return Check("audit", "ok", "no question was recorded yet")
    with app.open_audit_log(settings) as store:
        verdict, alarm = check_head(store), find_own_alarm(store)
        others = [f"{seen.key.name}: {seen.alarm}" for seen in list_seen(store) if seen.alarm]
    if not verdict.sound:
        detail = f"row {verdict.row} of {verdict.rows}: {verdict.reason}"
        return Check("audit", "fail", detail, "edge audit verify names the first row that differs.")
    if alarm:
        hint = "Tell whoever answers for this device. A new log begins once the folder 'audit' is moved away."
        return Check("audit", "fail", f"This log was changed. {alarm}", hint)
    if others:
        return Check("audit", "warn", "; ".join(others), "Tell whoever answers for that device.")
    return Check("audit", "ok", f"{verdict.rows:,} rows; the last one is as it was signed")


def check_sync(settings: Settings, now: Callable[[], datetime] = clock.read_clock) -> Check:
    """Check how old the publisher's list is. No pack is disabled for its age."""
    file = settings.sync_dir / "trust.sqlite"
    last = None
    if file.exists():
        with closing(Ratchet(file)) as ratchet:
            last = ratchet.get_last()
    if last is None:
        return Check("sync", "ok", "has never synced; packs are installed by hand")
    days = (clock.compute_trusted_time(now(), last.time) - last.time).days + (last.stale_days or 0)
    detail = f"list {last.version} from {last.source}, {days} {'day' if days == 1 else 'days'} old"
    if days > clock.TIMESTAMP_LIFE.days:
        return Check("sync", "warn", detail, "There may be newer packs: edge sync")
    return Check("sync", "ok", detail)
