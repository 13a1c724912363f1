"""``edge ask``: answers one question."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import EngineName, Equipment, Json, Packs

if TYPE_CHECKING:
    from edge.app import Edge


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask; - reads standard input.")],
    json: Json = False,
    pack: Packs = None,
    equipment: Equipment = None,
    engine: EngineName = None,
    receipt: Annotated[
        Path | None,
        typer.Option(
            "--receipt", metavar="FILE", help="Write a receipt: text, or a QR code as FILE.png or FILE.svg."
        ),
    ] = None,
) -> None:
    """Answer a question from the installed packs, with the pages.

    The passages come first, then the answer. When the packs do not answer, edge says so and names the nearest page;
    that is an answer too (exit code 0; "refused": true with --json).
    """
    from edge import app, shapes
    from edge.cli.ui.screen import Screen
    from edge.cli.ui.turn import TurnView, warn_of_unusable_packs
    from edge.config import load_settings
    from edge.types import Answered, Question

    settings = load_settings()
    text = _read_question(settings.max_question_bytes) if question == "-" else question
    asked = Question(text, equipment=equipment, packs=tuple(pack or ()), engine=engine)
    screen = Screen()
    with app.build(settings) as edge, TurnView(screen) as view:
        edge.warm_up()
        warn_of_unusable_packs(edge.packs)
        for event in edge.assistant.answer(asked):
            if not json:
                view.show(event)
            if not isinstance(event, Answered):
                continue
            if json:
                screen.write_json(shapes.dump_answer(event.answer))
            if receipt:
                _write_receipt(edge, event.answer.receipt, receipt)


def _write_receipt(edge: Edge, name: str, path: Path) -> None:
    from edge.audit.issue import find_receipt, write_receipt
    from edge.errors import NotFoundError

    if not name:
        raise NotFoundError("This turn has no receipt: it is not in the audit log.", "Set 'audit' to on.")
    with edge.open_audit_log() as store:
        write_receipt(find_receipt(store, name), path)


def _read_question(limit: int) -> str:
    """Read standard input, one byte beyond ``limit`` at most.

    A question that is too long or not text is refused where all questions are checked.
    """
    return sys.stdin.buffer.read(limit + 1).decode("utf-8", "surrogateescape").strip("\r\n")
