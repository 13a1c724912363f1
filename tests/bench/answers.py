"""Answers to labelled questions, whole turns without a language model: over manuals, and over the starter pack."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pypdfium2

from edge.assistant import Assistant, Limits
from edge.config import Settings
from edge.engine.interface import Embedder
from edge.evaluation import DEPTH, Labelled, compute_figures, load_questions
from edge.evaluation import ask_all as ask
from edge.packs.pack import Pack
from edge.retrieval.retriever import Retriever
from tests.bench.figures import Figure, compute_mean
from tests.bench.manuals import MANUALS, fetch_available
from tests.bench.packs import STARTER, build_pack, make_query_embedder, open_starter
from tests.bench.peer import PlainBm25
from tests.bench.program import main, say

FITTED = {"hit@1": ">= 0.75", "hit@5": ">= 0.95", "refusal precision": ">= 0.8", "refusal recall": ">= 0.8"}
UNSEEN = {"hit@1": ">= 0.75", "MRR": ">= 0.83", "refusal precision": ">= 0.7", "refusal recall": ">= 0.7"}
"""Targets for the manual that edge was developed with, and for others."""

Place = tuple[str, str | int]
"""A document, and one of its pages or the breadcrumb of one of its sections."""


def run(options: Namespace) -> Iterator[Figure]:
    """Hits, refusals and quotations; the peer ranks pages of manuals, sections of the starter pack."""
    with closing(make_query_embedder()) as embedder:
        for manual, data in fetch_available(options.full):
            with build_pack(manual.name, {manual.document: data}) as pack:
                pages = _read_pages(manual.document, data)
                targets = FITTED if manual is MANUALS[0] else UNSEEN
                yield from _measure(manual.name, pack, embedder, manual.questions, pages, targets)
        with open_starter() as pack:
            questions = STARTER.with_name("starter.questions.jsonl")
            yield from _measure("starter", pack, embedder, questions, _read_sections(pack), {})


def _measure(
    name: str,
    pack: Pack,
    embedder: Embedder,
    questions: Path,
    places: Mapping[Place, str],
    targets: Mapping[str, str],
) -> Iterator[Figure]:
    labelled = load_questions(questions)
    say(f"{name}: {len(labelled)} questions, {pack.chunk_count} chunks")
    with closing(Retriever(lambda: [pack], embedder)) as retriever:
        outcomes = list(ask(labelled, _make_assistant(retriever).answer))
    ours, peer = compute_figures(outcomes), _rank_by_peer(labelled, places)
    rows: list[tuple[str, float, float | None]] = [
        ("hit@1", ours.hit_1, compute_mean(rank == 1 for rank in peer)),
        ("hit@3", ours.hit_3, compute_mean(0 < rank <= 3 for rank in peer)),
        ("hit@5", ours.hit_5, compute_mean(0 < rank <= 5 for rank in peer)),
        ("MRR", ours.mrr, compute_mean(1 / rank if rank else 0 for rank in peer)),
        ("refusal precision", ours.refusal_precision, None),
        ("refusal recall", ours.refusal_recall, None),
        ("answers citing a right place", ours.right, None),
        ("answers quoting what is wanted", ours.quoted, None),
    ]
    for figure, value, of_peer in rows:
        yield Figure(f"{name} {figure}", value, "", targets.get(figure, ""), of_peer)


def _make_assistant(retriever: Retriever) -> Assistant:
    defaults = Settings(home=Path())
    limits = Limits(defaults.max_question_bytes, defaults.max_answer_tokens, passages=DEPTH)
    return Assistant(retriever, lambda name: None, None, limits)


def _rank_by_peer(labelled: list[Labelled], places: Mapping[Place, str]) -> list[int]:
    """Return for each answerable question the rank of the first right place, 0 if none is among the first ones."""
    plain = PlainBm25(places)
    return [
        next((n for n, place in enumerate(plain.rank(one.question.text, DEPTH), 1) if _right(place, one)), 0)
        for one in labelled
        if one.answerable
    ]


def _right(place: Place, labelled: Labelled) -> bool:
    document, part = place
    return any(
        gold.document == document
        and (part in gold.pages if isinstance(part, int) else gold.heading in part.split(" > "))
        for gold in labelled.gold
    )


def _read_pages(document: str, data: bytes) -> dict[Place, str]:
    """Return the text of each page, as PDFium gives it."""
    pdf = pypdfium2.PdfDocument(data)
    return {(document, n): page.get_textpage().get_text_bounded() for n, page in enumerate(pdf, 1)}


def _read_sections(pack: Pack) -> dict[Place, str]:
    """Return the text of each section, its headings included."""
    texts: dict[Place, str] = {}
    for chunk in pack.get_chunks(range(1, pack.chunk_count + 1)):
        place = pack.get_document_of(chunk.id).name, chunk.heading
        texts[place] = f"{texts.get(place, chunk.heading)}\n{chunk.text}"
    return texts


if __name__ == "__main__":
    main(run)
