"""Answers a receipt's question again, and tells what differs. Pure but for the answer, which comes from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge.audit.receipt import MOST_WARNING, hash_text, shorten
from edge.errors import UsageError
from edge.types import Answer, Question

SHOWN = 200


@dataclass(frozen=True, slots=True)
class PackFacts:
    """A pack that answers: its version and the digest of its contents."""

    version: str
    digest: str


def make_question(body: Mapping[str, Any]) -> Question:
    """Return the question of a receipt.

    Raises:
        UsageError: the receipt holds a part of it only.
    """
    if hash_text(body["question"]) != body["question_sha256"] or "left_out" in body:
        raise UsageError(
            "The question was too long for its receipt.", "The log has all of it: edge audit show"
        )
    engine, _, _ = str(body["engine"]).partition(":")
    packs = tuple(map(str, body["in_packs"]))
    return Question(body["question"], equipment=body["equipment"], packs=packs, engine=engine)


def find_changes(body: Mapping[str, Any], packs: Mapping[str, PackFacts], model_sha256: str) -> list[str]:
    """Return how what answers now is not what answered then."""
    changes = []
    for then in body["packs"]:
        now = packs.get(then["name"])
        if now is None:
            changes.append(f"The pack {then['name']} {then['version']} is not installed.")
        elif now.digest != then["digest"]:
            changes.append(f"The pack {then['name']} was {then['version']} and is {now.version}.")
    if body["model_sha256"] != model_sha256:
        changes.append("Another language model answers.")
    if "history_sha256" in body:
        changes.append("It was asked in a conversation, which the receipt does not hold.")
    return changes


def find_differences(body: Mapping[str, Any], answer: Answer) -> list[str]:
    """Return how an answer differs from that of a receipt."""
    differences = []
    if answer.mode != body["mode"]:
        differences.append(f"It was '{body['mode']}' and is '{answer.mode}'.")
    if answer.engine != body["engine"]:
        differences.append(f"{body['engine']} answered, and now {answer.engine}.")
    if hash_text(answer.text) != body["answer_sha256"]:
        differences.append(f"The answer is another one: {shorten(answer.text, SHOWN)}")
    then = [(one["n"], one["document"], one["page"], one["sha256"]) for one in body["citations"]]
    now = [
        (one.n, one.passage.document, one.passage.page_from, hash_text(one.passage.text))
        for one in answer.citations
    ]
    if [each[3] for each in then] != [each[3] for each in now[: len(then)]]:
        places = ", ".join(f"[{n}] {document}, page {page}" for n, document, page, _ in now) or "nothing"
        differences.append(f"It cites other passages: {places}.")
    if [shorten(one.text, MOST_WARNING) for one in answer.warnings][: len(body["warnings"])] != body[
        "warnings"
    ]:
        differences.append("Its warnings are others.")
    if list(answer.unverified)[: len(body["unverified"])] != body["unverified"]:
        differences.append("Other values are unverified.")
    return differences
