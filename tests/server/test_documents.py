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
