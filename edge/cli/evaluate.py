"""``edge eval``: measures the answers to labelled questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.options import EngineName, Json, Packs
from edge.cli.ui.screen import CAREFUL, FAINT, Screen

if TYPE_CHECKING:
    from edge.evaluation import Figures, Outcome

NAMES = {
    "hit_1": "right passage first",
    "hit_3": "right passage in the first 3",
    "hit_5": "right passage in the first 5",
    "mrr": "mean reciprocal rank",
    "refusal_precision": "refusals that were right",
    "refusal_recall": "unanswerable questions refused",
    "right": "answers that cite a right page",
    "quoted": "answers that quote what is wanted",
}


def evaluate(
    questions: Annotated[
        Path, typer.Argument(metavar="SET", help="Labelled questions, one JSON object a line.")
    ],
    json: Json = False,
    pack: Packs = None,
    engine: EngineName = None,
    misses: Annotated[
        bool, typer.Option("--misses", help="Also list the questions that went wrong.")
    ] = False,
) -> None:
    """Ask labelled questions and print how well they were answered.

    Figures: right passage found first, in the first three and five; mean reciprocal rank; refusals; answers that cite
    a right page; answers that quote what is wanted.
    """
    from dataclasses import replace

    from edge import app, evaluation
    from edge.cli.ui.progress import show_progress
    from edge.config import load_settings

    labelled = [
        replace(one, question=replace(one.question, packs=tuple(pack or ()), engine=engine))
        for one in evaluation.load_questions(questions)
    ]
    outcomes = []
    with app.build(load_settings(passages=evaluation.DEPTH, audit="off")) as edge, show_progress() as report:
        for outcome in evaluation.ask_all(labelled, edge.assistant.answer):
            outcomes.append(outcome)
            report("ask", outcome.labelled.question.text, len(outcomes), len(labelled))
    figures, missed = (
        evaluation.compute_figures(outcomes),
        [outcome for outcome in outcomes if _name_fault(outcome)],
    )
    screen = Screen()
    if json:
        screen.write_json(
            figures.to_dict() | ({"misses": [_describe_miss(o) for o in missed]} if misses else {})
        )
        return
    _show_figures(screen, figures)
    if misses:
        _list_misses(screen, missed)


def _show_figures(screen: Screen, figures: Figures) -> None:
    screen.write(f"{figures.questions} questions, {figures.answerable} of them answerable")
    screen.write_gap()
    values = figures.to_dict()
    screen.write_table(
        ("FIGURE", "VALUE"), [(name, _format_value(key, values[key])) for key, name in NAMES.items()]
    )


def _format_value(key: str, value: float) -> str:
    return f"{value:.3f}" if key == "mrr" else f"{100 * value:5.1f} %"


def _list_misses(screen: Screen, missed: Sequence[Outcome]) -> None:
    screen.write_heading(f"{len(missed)} missed")
    for outcome in missed:
        labelled = outcome.labelled
        screen.write(
            labelled.question.text, (f"  {labelled.id}", FAINT), lead=(f"{_name_fault(outcome):12} ", CAREFUL)
        )


def _name_fault(outcome: Outcome) -> str:
    """Name the fault of an answer; empty when it has none."""
    if not outcome.labelled.answerable:
        return "" if outcome.answer.refused else "answered"
    if outcome.answer.refused:
        return "refused"
    return {0: "not found", 1: ""}.get(outcome.rank, f"found at {outcome.rank}")


def _describe_miss(outcome: Outcome) -> dict[str, str]:
    labelled = outcome.labelled
    return {"id": labelled.id, "question": labelled.question.text, "fault": _name_fault(outcome)}
