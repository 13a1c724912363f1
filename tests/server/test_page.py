"""The page for a browser: its files, their headers, and what it may load."""

from __future__ import annotations

import gzip
import json
import re

import httpx
import pytest

from edge.server.page import INDEX, read_built_files

FIRST_LOAD_BYTES = 40_000
HOST = re.compile(rb"https?://(?!www\.w3\.org/)[\w.-]+")


def find_first_load(client: httpx.Client) -> list[str]:
    """Return the paths that the page loads at once."""
    return re.findall(r'(?:src|href)="(/page/[^"]+)"', client.get("/").text)


def test_the_page_loads_files_of_its_own_only(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path in find_first_load(client):
        assert client.get(path).status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page.text)


def test_no_file_of_the_page_knows_another_address(client: httpx.Client) -> None:
    for name, file in read_built_files().items():
        assert HOST.findall(file.data) == [], name


def test_the_policy_allows_nothing_inline_and_no_other_address(client: httpx.Client) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in client.get("/").headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not [value for value in policy.values() if "unsafe" in value or "http" in value or "*" in value]


def test_the_first_load_is_small(client: httpx.Client) -> None:
    names = [INDEX, *(path.rpartition("/")[2] for path in find_first_load(client))]
    files = read_built_files()
    assert sum(len(files[name].compressed) for name in names) <= FIRST_LOAD_BYTES


def test_files_are_compressed_for_those_who_take_it(client: httpx.Client) -> None:
    path = next(path for path in find_first_load(client) if path.endswith(".js"))
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content
    assert all(gzip.decompress(file.compressed) == file.data for file in read_built_files().values())


def test_named_by_their_contents_they_are_kept_for_ever_and_the_page_itself_is_asked_for(
    client: httpx.Client,
) -> None:
    assert client.get("/").headers["cache-control"] == "no-cache"
    for path in find_first_load(client):
        assert re.search(r"-[\w-]{8}\.\w+$", path)
        assert "immutable" in client.get(path).headers["cache-control"]


def test_what_the_browser_has_is_not_sent_again(client: httpx.Client) -> None:
    tag = client.get("/").headers["etag"]
    again = client.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["absent.js", "..%2f__init__.py", "__init__.py", "%00"])
def test_there_is_no_other_file(client: httpx.Client, name: str) -> None:
    response = client.get(f"/page/{name}")
    assert response.status_code == 404
    assert json.loads(response.content)["hint"]
