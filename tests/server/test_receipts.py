"""The receipt of an answer, for whoever has the answer."""

from __future__ import annotations

from edge.audit.receipt import Receipt
from tests.server.conftest import LocalClient


def test_an_answer_names_its_receipt(client: LocalClient) -> None:
    asked = {"message": "How much grease does the motor bearing take?"}
    answer = client.post("/chat", json=asked, headers={"X-Subject": "anna"}).json()
    response = client.get(f"/receipts/{answer['receipt']}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert Receipt.parse(response.text).check().body["answer"] == answer["answer"]


def test_others_are_not_found(client: LocalClient) -> None:
    assert client.get(f"/receipts/{'ab' * 32}").status_code == 404
    for wrong in ("1", "AB" * 32, "x" * 64):
        assert client.get(f"/receipts/{wrong}").status_code == 422
