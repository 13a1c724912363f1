"""Does this edge, as it was copied here, do its work? Every byte of the one-file program, all that the doctor looks at,
and a question to each pack. Showing the checks is left to ``edge self-test``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from edge import doctor, wiring
from edge.bundle.bundle import COPY_AGAIN, Bundle, Progress, own_bundle, unheard
from edge.bundle.unpacked import altered
from edge.config import Settings
from edge.doctor import Check
from edge.engine.extractive import EXTRACTIVE
from edge.errors import EdgeError
from edge.inside.checked import checked
from edge.inside.part import look
from edge.text.sizes import size
from edge.types import Answered, Question


def program(settings: Settings, progress: Progress = unheard) -> Iterator[Check]:
    """The one-file program that runs, if it is one: its parts, and what the launcher unpacked of it."""
    try:
        if bundle := own_bundle():
            yield from _parts(bundle, settings, progress)
            if getattr(sys, "frozen", False):
                yield _unpacked(bundle, Path(sys.executable).parent)
    except EdgeError as error:
        yield Check("program", "fail", error.message, error.hint)


def machine(settings: Settings) -> Iterator[Check]:
    """All that the doctor looks at, and answers."""
    yield from doctor.diagnose(settings, deep=True)
    yield from answers(settings)


def answers(settings: Settings) -> Iterator[Check]:
    """A question to each pack: the title of its first document. It is quoted; of language models the doctor tells."""
    try:
        with wiring.build(settings) as edge:
            for pack in edge.library.packs():
                title = pack.documents()[0].title
                question = Question(title, packs=(pack.manifest.name,), engine=EXTRACTIVE)
                (answer,) = (e.answer for e in edge.assistant.answer(question) if isinstance(e, Answered))
                detail = f"{pack.manifest.name}: {title!r} is answered"
                if answer.refused:
                    yield Check("answer", "fail", f"{detail} by a refusal", "Install the pack again.")
                else:
                    yield Check("answer", "ok", f"{detail} with {_citations(len(answer.citations))}")
    except EdgeError as error:
        yield Check("answer", "fail", error.message, error.hint)


def _parts(bundle: Bundle, settings: Settings, progress: Progress) -> Iterator[Check]:
    """What is found sound is not hashed again by those who use it."""
    seen, known = look(bundle.path), checked(settings.home)
    for verdict in bundle.verify(progress):
        part = verdict.part
        what = f"{verdict.what}, {size(part.size)}" if part else verdict.what
        if not verdict.sound:
            yield Check("inside", "fail", f"{what}: damaged", COPY_AGAIN)
            continue
        if part in bundle.added and part:
            known.keep(bundle.path / part.name, part.sha256, seen)
        yield Check("inside", "ok", what)


def _unpacked(bundle: Bundle, folder: Path) -> Check:
    wrong = altered(bundle, folder)
    if wrong:
        hint = f"Remove {folder}: the next start unpacks it again."
        return Check("unpacked", "fail", f"changed or gone: {', '.join(wrong[:3])}", hint)
    return Check("unpacked", "ok", str(folder))


def _citations(count: int) -> str:
    return "1 citation" if count == 1 else f"{count} citations"
