"""GET /search."""

from __future__ import annotations

import httpx
import pytest
from pydantic import TypeAdapter

from edge import shapes


def test_results_have_the_documented_shape(client: httpx.Client) -> None:
    found = client.get("/search", params={"q": "flange bolts"}).json()
    assert list(found) == ["results", "ms"]
    first = found["results"][0]
    assert (first["pack"], first["document"], first["page_from"]) == ("pumps", "valves.html", 1)
    assert "45 Nm" in first["text"]
    TypeAdapter(shapes.Search).validate_python(found, strict=True)


def test_k_bounds_the_results(client: httpx.Client) -> None:
    params = {"q": "pump bearing flange seal gland"}
    several = client.get("/search", params=params).json()["results"]
    one = client.get("/search", params=params | {"k": "1"}).json()["results"]
    assert len(several) > 1
    assert one == several[:1]


def test_a_pack_can_be_named(client: httpx.Client) -> None:
    found = client.get("/search", params={"q": "flange bolts", "pack": ["pumps"]})
    assert found.json()["results"]


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({}, 422, "q"),
        ({"q": ""}, 422, ""),
        ({"q": "bolts", "k": "0"}, 422, "k"),
        ({"q": "bolts", "k": "101"}, 422, "k"),
        ({"q": "bolts", "k": "many"}, 422, "k"),
        ({"q": "bolts", "pack": "boats"}, 404, "boats"),
        ({"q": "x " * 5000}, 422, ""),
    ],
)
def test_a_bad_search_is_told_what_to_mend(
    client: httpx.Client, params: dict[str, str], status: int, said: str
) -> None:
    response = client.get("/search", params=params)
    assert response.status_code == status
    assert said in response.json()["detail"]
    assert response.json()["hint"]


def test_a_query_that_is_not_utf_8_is_searched_as_far_as_it_is_text(client: httpx.Client) -> None:
    assert client.get("/search?q=flange+%ff").status_code in (200, 422)
