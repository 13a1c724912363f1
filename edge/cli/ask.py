"""``edge ask``: answers one question."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from edge.cli.options import EngineName, Equipment, Json, Packs


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask; - reads standard input.")],
    json: Json = False,
    pack: Packs = None,
    equipment: Equipment = None,
    engine: EngineName = None,
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
            elif isinstance(event, Answered):
                screen.write_json(shapes.dump_answer(event.answer))


def _read_question(limit: int) -> str:
    """Read standard input, one byte beyond ``limit`` at most.

    A question that is too long or not text is refused where all questions are checked.
    """
    return sys.stdin.buffer.read(limit + 1).decode("utf-8", "surrogateescape").strip("\r\n")
