"""/feedback and /notes over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from edge.server.feedback import FeedbackList
from edge.server.notes import NoteList

Start = Callable[..., Any]


@pytest.fixture
def own(start: Start, home: Path, tmp_path: Path) -> httpx.Client:
    """A server with a home of its own."""
    shutil.copytree(home, tmp_path / "home")
    return start(home=tmp_path / "home")  # type: ignore[no-any-return]


def test_an_answer_is_judged_with_its_citations_as_they_were_sent(own: httpx.Client) -> None:
    question = "How much grease does the motor bearing take?"
    answer = own.post("/chat", json={"message": question}).json()
    body = {
        "verdict": "wrong", "question": question, "answer": answer["answer"], "mode": answer["mode"],
        "engine": answer["engine"], "citations": answer["citations"], "right": "14 grams", "id": "mine-1",
    }  # fmt: skip
    said = own.post("/feedback", json=body, headers={"X-Consent-ID": "c-7"}).json()
    (pack,) = own.get("/packs").json()["packs"]
    assert said["passages"][0]["digest"] == pack["digest"]
    assert (said["right"], said["consent_id"], said["id"]) == ("14 grams", "c-7", "mine-1")
    assert own.post("/feedback", json=body).json() == said
    listed = own.get("/feedback", params={"verdict": "wrong"}).json()
    TypeAdapter(FeedbackList).validate_python(listed, strict=False)
    assert listed["feedback"] == [said]
    assert own.get("/feedback", params={"verdict": "solved"}).json() == {"feedback": []}
    assert own.post("/feedback", json={"verdict": "perhaps", "question": "x"}).status_code == 422
    assert own.post("/feedback", json={"verdict": "solved", "question": ""}).status_code == 422


def test_a_note_on_a_page_is_found_by_search_and_removed(own: httpx.Client) -> None:
    text = "The nipple of the third motor is hidden under a purple cap."
    body = {"text": text, "pack": "pumps", "document": "pump.md", "page": 1}
    note = own.post("/notes", json=body).json()
    listed = own.get("/notes", params={"pack": "pumps", "document": "pump.md", "page": 1}).json()
    TypeAdapter(NoteList).validate_python(listed, strict=True)
    assert listed["notes"] == [note]
    found = own.get("/search", params={"q": "purple cap"}).json()["results"]
    assert (found[0]["pack"], found[0]["document"]) == ("my-notes", note["file"])
    assert note["text"] in own.get(f"/documents/my-notes/{note['file']}").text
    assert own.delete(f"/notes/{note['id']}").json() == {"removed": note["id"]}
    assert own.delete(f"/notes/{note['id']}").status_code == 404
    assert own.get("/notes").json() == {"notes": []}
    assert own.post("/notes", json={"text": ""}).status_code == 422
