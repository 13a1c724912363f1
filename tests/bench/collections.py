"""Open retrieval collections with relevance judgements: Cranfield, CACM and the paragraphs of SQuAD's dev part.

They are not part of the repository: ``EDGE_EVAL`` names the folder that holds ``cranfield/``, ``cacm/`` and
``squad/`` as their publishers distribute them.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(os.environ.get("EDGE_EVAL", "../shared/eval/retrieval"))


@dataclass(frozen=True)
class Collection:
    """Documents (id to title and text), queries (id to text) and judgements (query to document to gain)."""

    documents: dict[str, tuple[str, str]]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


def _read_records(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Read the SMART format: ``.I`` starts a record, ``.T``, ``.W`` and so on its fields."""
    identifier, fields, field = "", dict[str, str](), ""
    for line in path.read_text(encoding="latin-1").splitlines():
        if match := re.match(r"\.I\s+0*(\d+)", line):
            if identifier:
                yield identifier, fields
            identifier, fields, field = match[1], {}, ""
        elif match := re.match(r"\.([A-Z])\s*$", line):
            field = match[1]
        elif field:
            fields[field] = f"{fields.get(field, '')} {line.strip()}".strip()
    yield identifier, fields


def load_cranfield() -> Collection:
    """Load 1,400 abstracts on aeronautics, 225 queries. Judgements number the queries by position; 1 is best, 5 is
    none."""
    folder = FOLDER / "cranfield"
    documents = {}
    for identifier, fields in _read_records(folder / "cran.all.1400"):
        title, text = fields.get("T", ""), fields.get("W", "")
        documents[identifier] = (title, text.removeprefix(title).strip())
    texts = [fields["W"] for _, fields in _read_records(folder / "cran.qry")]
    judgements: dict[str, dict[str, int]] = {}
    for line in (folder / "cranqrel").read_text().splitlines():
        if len(parts := line.split()) >= 3 and 1 <= int(parts[2]) < 5:
            judgements.setdefault(parts[0], {})[parts[1]] = 5 - int(parts[2])
    return Collection(documents, {str(n): text for n, text in enumerate(texts, 1)}, judgements)


def load_cacm() -> Collection:
    """Load 3,204 titles and abstracts from Communications of the ACM, 52 judged queries."""
    folder = FOLDER / "cacm"
    documents = {i: (f.get("T", ""), f.get("W", "")) for i, f in _read_records(folder / "cacm.all")}
    queries = {i: f.get("W", "") for i, f in _read_records(folder / "query.text")}
    judgements: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.text").read_text().splitlines():
        if len(parts := line.split()) >= 2:
            judgements.setdefault(parts[0].lstrip("0"), {})[parts[1].lstrip("0")] = 1
    return Collection(documents, queries, judgements)


@dataclass(frozen=True)
class SquadQuestion:
    """One question of SQuAD 2.0: its paragraph and its answers (none: the paragraph does not answer it)."""

    identifier: str
    text: str
    paragraph: str
    answers: tuple[str, ...]


def load_squad_questions() -> tuple[dict[str, tuple[str, str]], list[SquadQuestion]]:
    """Load all paragraphs of the dev part and all its questions."""
    articles = json.loads((FOLDER / "squad/dev-v2.0.json").read_text())["data"]
    documents: dict[str, tuple[str, str]] = {}
    questions = []
    for article in articles:
        for paragraph in article["paragraphs"]:
            key = str(len(documents))
            documents[key] = (article["title"].replace("_", " "), paragraph["context"])
            for item in paragraph["qas"]:
                answers = (
                    () if item.get("is_impossible") else tuple(sorted({a["text"] for a in item["answers"]}))
                )
                questions.append(SquadQuestion(item["id"], item["question"], key, answers))
    return documents, questions


def load_squad(size: int = 1500, seed: int = 0) -> Collection:
    """Load all paragraphs and a fixed sample of the answerable questions."""
    documents, questions = load_squad_questions()
    answerable = [q for q in questions if q.answers]
    random.Random(seed).shuffle(answerable)
    chosen = answerable[:size]
    return Collection(
        documents, {q.identifier: q.text for q in chosen}, {q.identifier: {q.paragraph: 1} for q in chosen}
    )


COLLECTIONS: dict[str, Callable[[], Collection]] = {
    "cranfield": load_cranfield,
    "cacm": load_cacm,
    "squad": load_squad,
}
