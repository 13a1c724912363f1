"""``edge search``: passages without an answer."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.options import Equipment, Json, Packs


def search(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="Words, a question, a part number or a code.")
    ],
    k: Annotated[int, typer.Option("-k", min=1, max=100, metavar="N", help="How many passages.")] = 10,
    full: Annotated[bool, typer.Option("--full", help="Show passages whole.")] = False,
    json: Json = False,
    pack: Packs = None,
    equipment: Equipment = None,
) -> None:
    """Find passages, without an answer.

    Of each the few lines nearest to the query are shown; --full and --json give all of it.
    """
    from time import perf_counter

    from edge import app, shapes
    from edge.cli import turn
    from edge.cli.screen import FAINT, Screen, plural
    from edge.config import load_settings
    from edge.types import Question

    screen = Screen()
    with app.build(load_settings()) as edge:
        edge.warm_up()
        turn.left_out(edge.packs)
        start = perf_counter()
        evidence = edge.assistant.search(Question(query, equipment=equipment, packs=tuple(pack or ())), k)
        elapsed_ms = (perf_counter() - start) * 1000
    if json:
        screen.json(shapes.search_json(evidence, elapsed_ms))
        return
    turn.corrections(screen, evidence.corrections.items())
    turn.missing(screen, evidence.missing)
    turn.passages(screen, evidence, full)
    if not evidence.passages:
        screen.write("Nothing found.")
    screen.gap()
    screen.write((f"{plural(len(evidence.passages), 'passage')} in {elapsed_ms:.0f} ms", FAINT))
