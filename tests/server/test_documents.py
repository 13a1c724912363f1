"""GET /documents: originals and pictures of pages."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from edge.errors import UsageError
from edge.server.documents import MAX_BOXES, parse_boxes
from edge.types import Box

PDF = f"/documents/pumps/{quote('drawings/Dichtung größe.pdf')}"


@pytest.fixture(scope="session")
def source(home: Path) -> Path:
    return home.parent / "source"


def picture(response: httpx.Response) -> Image.Image:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(response.content)).convert("RGB")


def test_a_page_is_a_picture_of_the_wanted_width(client: httpx.Client) -> None:
    assert picture(client.get(f"{PDF}/pages/1.png", params={"width": 600})).size == (600, 400)


def test_pages_differ(client: httpx.Client) -> None:
    assert client.get(f"{PDF}/pages/1.png").content != client.get(f"{PDF}/pages/2.png").content


def test_boxes_are_marked_on_the_page(client: httpx.Client) -> None:
    params = {"width": 600, "boxes": "0,0.5,1,1;0,0,0.1,0.1"}
    page = picture(client.get(f"{PDF}/pages/1.png", params=params))
    assert page.getpixel((300, 300)) != (255, 255, 255)
    assert page.getpixel((10, 10)) != (255, 255, 255)
    assert page.getpixel((300, 20)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PDF}/pages/0.png", 404),
        (f"{PDF}/pages/3.png", 404),
        (f"{PDF}/pages/-1.png", 404),
        (f"{PDF}/pages/{10**30}.png", 404),
        (f"{PDF}/pages/{'9' * 5000}.png", 422),
        (f"{PDF}/pages/one.png", 422),
        (f"{PDF}/pages/1.png?width=0", 422),
        (f"{PDF}/pages/1.png?width=100000", 422),
        (f"{PDF}/pages/1.png?boxes=here", 422),
        ("/documents/pumps/pump.md/pages/1.png", 404),
        ("/documents/pumps/absent.pdf/pages/1.png", 404),
        ("/documents/boats/pump.md", 404),
        ("/documents/pumps/absent.pdf", 404),
        ("/documents/..%2f..%2fetc/passwd", 404),
        ("/documents/pumps/..%2f..%2fpack.toml", 404),
        ("/documents/pumps/%00", 404),
        ("/documents/%ff/pump.md", 404),
    ],
)
def test_what_does_not_exist_is_a_problem(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["hint"]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("pump.md", "text/markdown; charset=utf-8"),
        ("valves.html", "text/html; charset=utf-8"),
        ("drawings/Dichtung größe.pdf", "application/pdf"),
    ],
)
def test_an_original_is_served_byte_for_byte(
    client: httpx.Client, source: Path, name: str, media_type: str
) -> None:
    response = client.get(f"/documents/pumps/{quote(name)}")
    assert response.content == (source / name).read_bytes()
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"].startswith("inline; filename*=UTF-8''")


def test_a_file_name_is_sent_in_ascii(client: httpx.Client) -> None:
    assert client.get(PDF).headers["content-disposition"].endswith("''Dichtung%20gr%C3%B6%C3%9Fe.pdf")


def test_an_html_original_can_run_and_load_nothing(client: httpx.Client) -> None:
    response = client.get("/documents/pumps/valves.html")
    policy = [part.strip() for part in response.headers["content-security-policy"].split(";")]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [PDF, f"{PDF}/pages/1.png"])
def test_what_the_client_has_is_not_sent_again(client: httpx.Client, path: str) -> None:
    tag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_page_with_other_boxes_is_another_picture(client: httpx.Client) -> None:
    plain, marked = (
        client.get(f"{PDF}/pages/1.png", params=params).headers["etag"]
        for params in ({}, {"boxes": "0,0,1,1"})
    )
    assert plain != marked


def test_boxes_are_fractions_of_their_page() -> None:
    assert parse_boxes("", 3) == ()
    assert parse_boxes("0,0.25,1,0.5", 3) == (Box(3, 0.0, 0.25, 1.0, 0.5),)


@pytest.mark.parametrize(
    "text",
    ["1", "0,0,1", "0,0,1,1,1", "0,0,2,1", "1,0,0,1", "nan,0,1,1", "0,0,1,inf", ";", "0,0,1,1;" * MAX_BOXES],
)
def test_boxes_that_are_not_on_the_page_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_boxes(text, 1)


def test_there_are_only_so_many_boxes() -> None:
    assert len(parse_boxes(";".join(["0,0,1,1"] * MAX_BOXES), 1)) == MAX_BOXES
    with pytest.raises(UsageError):
        parse_boxes(";".join(["0,0,1,1"] * (MAX_BOXES + 1)), 1)


def test_a_picture_asked_for_by_the_digest_of_its_document_is_kept_for_ever(client: httpx.Client) -> None:
    digest = client.get(f"{PDF}/contents").json()["sha256"]
    page = client.get(f"{PDF}/pages/1.png", params={"sha256": digest})
    assert "immutable" in page.headers["cache-control"]
    old = client.get(f"{PDF}/pages/1.png", params={"sha256": "0" * 64})
    assert old.headers["cache-control"] == "private, no-cache"


def test_the_contents_of_a_pdf_are_its_pages(client: httpx.Client) -> None:
    contents = client.get(f"{PDF}/contents").json()
    assert contents["media_type"] == "application/pdf"
    assert [(page["width"], page["height"]) for page in contents["pages"]] == [(300, 200), (300, 200)]
    assert contents["first_chunk"] <= contents["last_chunk"]


def test_the_contents_of_other_documents_are_their_headings(client: httpx.Client) -> None:
    contents = client.get("/documents/pumps/pump.md/contents").json()
    assert contents["pages"] == []
    assert [heading["heading"] for heading in contents["headings"]] == ["Starting the pump", "Bearings"]


def test_a_document_is_read_as_text_from_any_chunk_on(client: httpx.Client) -> None:
    everything = client.get("/documents/pumps/pump.md/text").json()["parts"]
    assert [part["heading"] for part in everything] == ["Starting the pump", "Bearings"]
    assert "Prime the pump" in everything[0]["text"]
    params = {"first": everything[1]["chunk"], "count": 1}
    assert client.get("/documents/pumps/pump.md/text", params=params).json()["parts"] == everything[1:]


def test_the_text_of_one_page_is_that_of_no_other(client: httpx.Client) -> None:
    (part,) = client.get(f"{PDF}/text", params={"page": 2}).json()["parts"]
    assert "gland nut" in part["text"]


def test_a_text_is_found_in_its_document_only(client: httpx.Client) -> None:
    found = client.get("/documents/pumps/pump.md/find", params={"q": "GRAMS  of grease"}).json()
    assert [hit["heading"] for hit in found["hits"]] == ["Bearings"]
    assert "12 grams of grease" in found["hits"][0]["snippet"]
    assert client.get("/documents/pumps/valves.html/find", params={"q": "grease"}).json()["hits"] == []


@pytest.mark.parametrize("q", [".", "(", "\\", " "])
def test_signs_are_looked_for_as_they_are(client: httpx.Client, q: str) -> None:
    found = client.get("/documents/pumps/pump.md/find", params={"q": q})
    assert found.status_code == 200
    assert len(found.json()["hits"]) == (2 if q == "." else 0)


def test_a_text_is_located_on_its_page_and_no_other(client: httpx.Client) -> None:
    params = {"text": ["replaced every 8000 hours", "gland nut"]}
    (shaft, gland) = client.get(f"{PDF}/pages/1/places", params=params).json()["places"]
    assert gland == []
    (box,) = shaft
    assert box["page"] == 1
    assert 0.1 < box["left"] < box["right"] < 0.9
    assert 0.15 < box["top"] < 0.25 < box["bottom"] < 0.3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PDF}/pages/3/places?text=a", 404),
        ("/documents/pumps/pump.md/pages/1/places?text=a", 404),
        (f"{PDF}/pages/1/places", 422),
        (f"{PDF}/pages/1/places?{'&'.join(['text=a'] * 21)}", 422),
        ("/documents/pumps/absent.md/contents", 404),
        ("/documents/pumps/absent.md/text", 404),
        ("/documents/pumps/absent.md/find?q=a", 404),
        ("/documents/pumps/pump.md/find", 422),
    ],
)
def test_what_cannot_be_found_is_a_problem(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.json()["hint"]
