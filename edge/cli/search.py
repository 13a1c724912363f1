"""``edge search``: finds passages, without an answer."""

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

    Of each passage the lines nearest to the query are shown; --full and --json give the whole text.
    """
    from time import perf_counter

    from edge import app, shapes
    from edge.cli.ui import turn
    from edge.cli.ui.screen import FAINT, Screen, format_count
    from edge.config import load_settings
    from edge.types import Question

    screen = Screen()
    with app.build(load_settings()) as edge:
        edge.warm_up()
        turn.warn_of_unusable_packs(edge.packs)
        start = perf_counter()
        evidence = edge.assistant.search(Question(query, equipment=equipment, packs=tuple(pack or ())), k)
        elapsed_ms = (perf_counter() - start) * 1000
    if json:
        screen.write_json(shapes.dump_search(evidence, elapsed_ms))
        return
    turn.show_corrections(screen, evidence.corrections.items())
    turn.show_missing_codes(screen, evidence.missing)
    turn.show_passages(screen, evidence, full)
    if not evidence.passages:
        screen.write("Nothing found.")
    screen.write_gap()
    screen.write((f"{format_count(len(evidence.passages), 'passage')} in {elapsed_ms:.0f} ms", FAINT))
