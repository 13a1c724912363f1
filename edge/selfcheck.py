"""Does this edge, as it was copied here, do its work? Every byte of the one-file program, all that the doctor looks at,
and a question to each pack. Showing the checks is left to ``edge self-test``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from edge import doctor, wiring
from edge.bundle.bundle import COPY_AGAIN, Bundle, own_bundle
from edge.bundle.unpacked import altered
from edge.config import Settings
from edge.doctor import Check
from edge.errors import EdgeError
from edge.text.sizes import size
from edge.types import Answered, Question


def checks(settings: Settings) -> Iterator[Check]:
    """Every check, as each is done."""
    try:
        bundle = own_bundle()
    except EdgeError as error:
        yield Check("program", "fail", error.message, error.hint)
        bundle = None
    if bundle:
        yield from program(bundle, Path(sys.executable).parent)
    yield from doctor.diagnose(settings, deep=True)
    yield from answers(settings)


def program(bundle: Bundle, folder: Path) -> Iterator[Check]:
    """The parts of the program, and what the launcher unpacked of it."""
    for part in bundle.parts:
        what = f"{part.kind} {part.name}, {size(part.size)}"
        if bundle.is_sound(part):
            yield Check("inside", "ok", what)
        else:
            yield Check("inside", "fail", f"{what}: damaged", COPY_AGAIN)
    wrong = altered(bundle, folder)
    if wrong:
        hint = f"Remove {folder}: the next start unpacks it again."
        yield Check("unpacked", "fail", f"changed or gone: {', '.join(wrong[:3])}", hint)
    else:
        yield Check("unpacked", "ok", str(folder))


def answers(settings: Settings) -> Iterator[Check]:
    """A question to each pack: the title of its first document."""
    try:
        with wiring.build(settings) as edge:
            for pack in edge.library.packs():
                title = pack.documents()[0].title
                events = edge.assistant.answer(Question(title, packs=(pack.manifest.name,)))
                (answer,) = (event.answer for event in events if isinstance(event, Answered))
                detail = f"{pack.manifest.name}: {title!r} is answered by {answer.engine}"
                if answer.refused:
                    yield Check("answer", "fail", f"{detail}: refused", "Install the pack again.")
                else:
                    yield Check("answer", "ok", f"{detail}, with {len(answer.citations)} citations")
    except EdgeError as error:
        yield Check("answer", "fail", error.message, error.hint)
