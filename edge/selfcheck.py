"""Checks this copy of edge: every byte of the one-file program, all checks of the doctor, and a question to each pack.

Showing the checks is left to ``edge self-test``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge import app, doctor
from edge.app import Edge
from edge.bundle.bundle import Bundle, Progress, ignore, open_own_bundle
from edge.bundle.unpacked import find_altered
from edge.config import Settings
from edge.doctor import Check
from edge.embedded.findings import open_findings
from edge.embedded.part import COPY_AGAIN, read_stamp
from edge.errors import EdgeError
from edge.files import format_size
from edge.packs.pack import Pack
from edge.types import EXTRACTIVE, Answered, Question

DOCUMENTS, WORDS = 3, 12


def check_program(settings: Settings, progress: Progress = ignore) -> Iterator[Check]:
    """Check the one-file program that runs, if it is one: its parts, and the files that its launcher unpacked."""
    try:
        if bundle := open_own_bundle():
            yield from _check_parts(bundle, settings, progress)
            if getattr(sys, "frozen", False):
                yield _check_unpacked(bundle, Path(sys.executable).parent)
    except EdgeError as error:
        yield Check("program", "fail", error.message, error.hint)


def check_machine(settings: Settings) -> Iterator[Check]:
    """Make all checks of the doctor, then check the answers."""
    yield from doctor.diagnose(settings, deep=True)
    yield from check_answers(settings)


def check_answers(settings: Settings) -> Iterator[Check]:
    """Ask each pack questions in its own words until one is answered, by a quotation. No language model is needed."""
    try:
        with app.build(replace(settings, audit="off")) as edge:
            for pack in edge.library.open_packs():
                yield _check_answer(edge, pack)
    except EdgeError as error:
        yield Check("answer", "fail", error.message, error.hint)


def _check_answer(edge: Edge, pack: Pack) -> Check:
    name = pack.manifest.name
    for text in _make_questions(pack):
        question = Question(text, packs=(name,), engine=EXTRACTIVE)
        (answer,) = (e.answer for e in edge.assistant.answer(question) if isinstance(e, Answered))
        if not answer.refused:
            count = len(answer.citations)
            cited = "1 citation" if count == 1 else f"{count} citations"
            return Check("answer", "ok", f"{name}: {text!r} is answered with {cited}")
    return Check("answer", "fail", f"{name}: no question is answered", "Install the pack again.")


def _make_questions(pack: Pack) -> Iterator[str]:
    """Yield the titles of a few documents, and the first words of each."""
    for document in pack.list_documents()[:DOCUMENTS]:
        yield document.title
        yield " ".join(pack.get_chunk(document.first_chunk).text.split()[:WORDS])


def _check_parts(bundle: Bundle, settings: Settings, progress: Progress) -> Iterator[Check]:
    """Check every part. The hash of a sound one is kept, so that its first use need not hash it again."""
    seen, known = read_stamp(bundle.path), open_findings(settings.home)
    for verdict in bundle.verify(progress):
        part = verdict.part
        what = f"{verdict.what}, {format_size(part.size)}" if part else verdict.what
        if not verdict.sound:
            yield Check("inside", "fail", f"{what}: damaged", COPY_AGAIN)
            continue
        if part in bundle.contents and part:
            known.keep(bundle.path / part.name, part.sha256, seen)
        yield Check("inside", "ok", what)


def _check_unpacked(bundle: Bundle, folder: Path) -> Check:
    wrong = find_altered(bundle, folder)
    if wrong:
        hint = f"Remove {folder}: the next start unpacks it again."
        return Check("unpacked", "fail", f"changed or gone: {', '.join(wrong[:3])}", hint)
    return Check("unpacked", "ok", str(folder))
