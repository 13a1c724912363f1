"""HTML, Markdown, plain text and CSV become the same blocks."""

from __future__ import annotations

import pytest

from edge.ingest.document import Block
from edge.ingest.readers import read


def show_blocks(name: str, data: str | bytes) -> list[tuple[str, str]]:
    document = read(name, data.encode() if isinstance(data, str) else data)
    return [(block.kind, block.text) for block in document.blocks]


# -- HTML


def test_html_structure() -> None:
    page = """<html><head><title>Pump P-12</title><style>p {}</style></head><body>
    <nav>Home &gt; Pumps</nav><header><p>ACME</p></header>
    <h1>Seal</h1><p>Replace the <b>seal</b> every 10<sup>3</sup>&nbsp;hours.</p>
    <ol start="3"><li>Stop.<li>Drain.<ul><li>Lower plug</li></ul></li></ol>
    <dl><dt>E1</dt><dd>Dry run</dd></dl><pre>reset --all
  now</pre><footer>Page 1</footer></body></html>"""
    assert show_blocks("a.html", page) == [
        ("heading", "Seal"),
        ("paragraph", "Replace the seal every 10³ hours."),
        ("step", "3. Stop."),
        ("step", "4. Drain."),
        ("item", "- Lower plug"),
        ("paragraph", "E1 – Dry run"),
        ("code", "reset --all\n  now"),
    ]
    assert read("a.html", page.encode()).title == "Pump P-12"


def test_html_table_rows_carry_their_header() -> None:
    page = "<table><tr><th>Code<th>Cause</tr><tr><td>E1<td>Dry <i>run</i></tr><tr><td>E2<td></tr></table>"
    rows = read("a.html", page.encode()).blocks
    assert [(row.text, row.header) for row in rows] == [
        ("E1 | Dry run", "Code | Cause"),
        ("E2 | –", "Code | Cause"),
    ]


@pytest.mark.parametrize(
    "box",
    [
        '<div class="warning"><h3>Warning</h3><p>Hot oil.</p></div>',
        '<div class="admonition warning"><p class="admonition-title">Warning</p><p>Hot oil.</p></div>',
        '<div class="admonitionblock warning"><table><tr><td>Warning</td><td>Hot oil.</td></tr></table></div>',
        "<table><tr><td>WARNING</td><td>Hot oil.</td></tr></table>",
        "<p><strong>WARNING:</strong> Hot oil.</p>",
        "<h4>Warning</h4><p>Hot oil.</p>",
    ],
)
def test_html_warnings_in_every_dress(box: str) -> None:
    assert show_blocks("a.html", f"<p>Text.</p>{box}<p>More.</p>") == [
        ("paragraph", "Text."),
        ("warning", "WARNING: Hot oil."),
        ("paragraph", "More."),
    ]


def test_html_contents_and_buttons_are_no_content() -> None:
    page = """<table><tr><td>[<a href="p.html">&lt;</a>]
    <td>[<a href="n.html">Next</a>]<td>[<a href="u.html">Up</a>]</table>
    <ul><li><a href="#a">Seal</a><li><a href="#b">Shaft</a><li><a href="#c">Fan</a></ul><p>Text.</p>
    <ul><li><a href="seal.html">The seal</a>, on the shaft<li><a href="fan.html">The fan</a><li>Bolts</ul>"""
    assert show_blocks("a.html", page) == [
        ("paragraph", "Text."),
        ("item", "- The seal, on the shaft"),
        ("item", "- The fan"),
        ("item", "- Bolts"),
    ]


def test_html_declares_its_encoding() -> None:
    page = '<meta charset="iso-8859-2"><p>Żółty kabel</p>'.encode("iso-8859-2")
    assert show_blocks("a.html", page) == [("paragraph", "Żółty kabel")]


def test_html_nested_deeper_than_any_manual_is_read() -> None:
    assert show_blocks("a.html", "<div>" * 5000 + "Deep.") == [("paragraph", "Deep.")]


# -- Markdown

MARKDOWN = """---
title: Pump
---
# Seal

To replace it:

1. Stop `P-12`.
2. Drain.

> **WARNING:** Hot
> water.

**CAUTION**

Do not run dry.

> [!NOTE]
> Keep the screws.

| Code | Cause |
|------|-------|
| E1   | Dry   |

```
reset
```
"""


def test_markdown_structure() -> None:
    document = read("a.md", MARKDOWN.encode())
    assert document.title == "Pump"
    assert [(b.kind, b.text) for b in document.blocks] == [
        ("heading", "Seal"),
        ("paragraph", "To replace it:"),
        ("step", "1. Stop P-12."),
        ("step", "2. Drain."),
        ("warning", "WARNING: Hot water."),
        ("warning", "CAUTION: Do not run dry."),
        ("paragraph", "Note: Keep the screws."),
        ("row", "E1 | Dry"),
        ("code", "reset"),
    ]
    assert document.blocks[-2] == Block("row", "E1 | Dry", header="Code | Cause")


# -- plain text


def test_text_structure() -> None:
    text = """PUMP P-12
=========

The pump is
self-priming.

MAINTENANCE

2.1 Seal

1. Stop the pump.
2) Drain it
   fully.
- lower plug

WARNING

Hot water.

    reset --all
"""
    document = read("a.txt", text.encode())
    assert [(b.kind, b.text, b.level) for b in document.blocks] == [
        ("heading", "PUMP P-12", 1),
        ("paragraph", "The pump is self-priming.", 0),
        ("heading", "MAINTENANCE", 2),
        ("heading", "2.1 Seal", 2),
        ("step", "1. Stop the pump.", 0),
        ("step", "2. Drain it fully.", 0),
        ("item", "- lower plug", 0),
        ("warning", "WARNING: Hot water.", 0),
        ("code", "reset --all", 0),
    ]
    assert document.title == "PUMP P-12"


# -- CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_rows_name_their_fields(delimiter: str) -> None:
    rows = [["Code", "Cause", "Remedy"], ["E1", "Dry run", ""], ["E2", "Too hot", "Clean the filter"]]
    text = "\n".join(delimiter.join(row) for row in rows)
    assert show_blocks("faults.csv", text) == [
        ("record", "Code: E1 | Cause: Dry run"),
        ("record", "Code: E2 | Cause: Too hot | Remedy: Clean the filter"),
    ]


def test_csv_quoting_and_ragged_rows() -> None:
    assert show_blocks("t.csv", 'Code,Text\nE1,"a, ""b""\nc"\nE2,d,extra\n\n') == [
        ("record", 'Code: E1 | Text: a, "b" c'),
        ("record", "Code: E2 | Text: d | extra"),
    ]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Code;Cause\n7;Dry run\n8;Hot\n", "Code: 7 | Cause: Dry run"),
        ("Pin,Signal\nX1:1,Supply\nX1:2,Ground\n", "Pin: X1:1 | Signal: Supply"),
        ("Key,State\nB,Enabled\nC,Enabled\nD,Disabled\nE,Enabled\n", "Key: B | State: Enabled"),
        ("Part,Torque [Nm]\nM8,25\nM10,50\n", "Part: M8 | Torque [Nm]: 25"),
        ("L1,L2\n230.1,229.8\n231.0,230.4\n", "L1: 230.1 | L2: 229.8"),
        ("B201,Fan blocked\nB202,Belt torn\nC310,Door open\n", "B201 | Fan blocked"),
        ("4711;Seal\n4712;Ring\n4713;Pump\n", "4711 | Seal"),
        ("X2:1,X2:3\nSupply,Brake\n", "X2:1 | X2:3"),
        ("Open,Turn left\nClose,Turn right\nStop,Press red\n", "Open | Turn left"),
        ("Seal,\nRing,spare\n", "Seal"),
        ("Only,one\n", "Only | one"),
    ],
)
def test_csv_takes_the_first_row_for_a_header_only_if_it_is_unlike_the_others(text: str, first: str) -> None:
    assert show_blocks("list.csv", text)[0] == ("record", first)


def test_csv_lines_above_the_table_are_its_title() -> None:
    text = "Fault list PX-200;;\nEdition 3;;\n;;\nCode;Cause;Remedy\nE1;Dry;Fill\nE2;Hot;Cool down\n"
    assert show_blocks("list.csv", text) == [
        ("heading", "Fault list PX-200"),
        ("paragraph", "Edition 3"),
        ("record", "Code: E1 | Cause: Dry | Remedy: Fill"),
        ("record", "Code: E2 | Cause: Hot | Remedy: Cool down"),
    ]
    assert read("list.csv", text.encode()).title == "Fault list PX-200"


@pytest.mark.parametrize("delimiter", [";", "|"])
def test_csv_may_name_its_separator(delimiter: str) -> None:
    text = f"sep={delimiter}\nCode;Cause, long\nE1;Dry, no oil\n".replace(";", delimiter)
    assert show_blocks("list.csv", text) == [("record", "Code: E1 | Cause, long: Dry, no oil")]
