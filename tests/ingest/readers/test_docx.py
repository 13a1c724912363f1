"""DOCX: what stands on the page becomes a block; what does not is named in the notes."""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape

import docx
import pytest

from edge.errors import DocumentError
from edge.ingest.document import SourceDocument
from edge.ingest.readers import archive as office_archive
from edge.ingest.readers import read

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SPACES = (
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LEVELS = "".join(
    f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/></w:lvl>'
    for level, (kind, text) in enumerate([("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "%3)")])
)
NUMBERING = (
    f'<w:abstractNum w:abstractNumId="0">{LEVELS}</w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
)


def write_docx(body: str, strict: bool = False, **parts: str) -> bytes:
    """Write an archive around the XML of a body; ``parts`` are footnotes, comments and so on."""
    parts = {"numbering": NUMBERING, **parts}
    relations = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{name}" Target="{name}.xml"/>' for name in parts
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}" {SPACES}><w:body>{body}</w:body></w:document>',
        **{
            f"word/{name}.xml": f'<w:{name} xmlns:w="{WORD}">{part}</w:{name}>'
            for name, part in parts.items()
        },
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            if strict:
                text = text.replace(WORD, "http://purl.oclc.org/ooxml/wordprocessingml/main")
                text = text.replace(OFFICE, "http://purl.oclc.org/ooxml/officeDocument/relationships")
            archive.writestr(name, text)
    return out.getvalue()


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def paragraph(inner: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def numbered(text: str, level: int, style: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return paragraph(run(text), f'{named}<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>')


def table(*rows: str) -> str:
    """Make a table from rows whose cells are parted by bars."""
    cells = [[paragraph(run(cell)) for cell in row.split("|")] for row in rows]
    lines = ("".join(f"<w:tc>{cell}</w:tc>" for cell in row) for row in cells)
    return f"<w:tbl>{''.join(f'<w:tr>{line}</w:tr>' for line in lines)}</w:tbl>"


def parse(body: str, **options: str) -> SourceDocument:
    return read("a.docx", write_docx(body, **options))  # type: ignore[arg-type]


def show(body: str, **options: str) -> list[str]:
    return [block.text for block in parse(body, **options).blocks]


def test_text_boxes_are_read_once() -> None:
    box = f"<w:txbxContent>{paragraph(run('Open valve V9 first.'))}</w:txbxContent>"
    drawing = f"<w:drawing><wps:txbx>{box}</wps:txbx></w:drawing>"
    choice = f"<mc:Choice>{drawing}</mc:Choice>"
    fallback = f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
    both = f"<mc:AlternateContent>{choice}{fallback}</mc:AlternateContent>"
    new = f"<mc:AlternateContent>{choice}</mc:AlternateContent>"
    for shape in (both, new, drawing):
        assert show(paragraph(f"<w:r>{shape}</w:r>")) == ["Open valve V9 first."]


def test_tracked_changes_are_read_as_if_accepted() -> None:
    body = paragraph(
        run("Torque ")
        + "<w:del><w:r><w:delText>40</w:delText></w:r></w:del>"
        + f"<w:ins>{run('45')}</w:ins>"
        + run(" Nm")
    )
    moved = paragraph(f"<w:moveFrom>{run('Grease it.')}</w:moveFrom>") + paragraph(
        f"<w:moveTo>{run('Grease it.')}</w:moveTo>"
    )
    assert show(body + moved) == ["Torque 45 Nm", "Grease it."]


def test_content_controls_and_fields_keep_their_text() -> None:
    inner = f"<w:sdt><w:sdtContent>{run('17 m')}</w:sdtContent></w:sdt>"
    simple = f'<w:fldSimple w:instr="DOCPROPERTY Serial">{run("SN-99")}</w:fldSimple>'
    block = f"<w:sdt><w:sdtContent>{paragraph(run('Every 900 hours.'))}</w:sdtContent></w:sdt>"
    assert show(paragraph(run("Head ") + inner + run(", serial ") + simple) + block) == [
        "Head 17 m, serial SN-99",
        "Every 900 hours.",
    ]


def test_check_boxes_show_which_is_ticked() -> None:
    def new(on: int) -> str:
        control = f'<w:sdtPr><w14:checkbox><w14:checked w14:val="{on}"/></w14:checkbox></w:sdtPr>'
        return f"<w:sdt>{control}<w:sdtContent>{run('x')}</w:sdtContent></w:sdt>"

    old = (
        '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:checked/></w:checkBox>'
        "</w:ffData></w:fldChar></w:r>"
        '<w:r><w:instrText> FORMCHECKBOX </w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    body = (
        paragraph(new(1) + run(" oil")) + paragraph(new(0) + run(" water")) + paragraph(old + run(" glycol"))
    )
    assert show(body) == ["☒ oil", "☐ water", "☒ glycol"]


def test_notes_stand_where_they_are_referred_to() -> None:
    reference = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    note = f'<w:footnote w:id="2">{paragraph(run("Dry threads only."))}</w:footnote>'
    assert show(paragraph(run("Tighten to 45 Nm") + reference + run(".")), footnotes=note) == [
        "Tighten to 45 Nm (Dry threads only.)."
    ]


def test_comments_and_unknown_elements_are_named_not_read() -> None:
    comment = f'<w:comment w:id="1">{paragraph(run("Is this right?"))}</w:comment>'
    document = parse(paragraph(run("Text.") + '<w:odd w:val="1"/>'), comments=comment)
    assert [block.text for block in document.blocks] == ["Text."]
    assert document.notes == ("1 comment left out.", "Not read: w:odd.")


def test_headings_and_lists_keep_their_numbers() -> None:
    body = (
        numbered("Motor", 0, "Heading1")
        + numbered("Bearing", 1, "Heading2")
        + numbered("Ring", 1, "Heading2")
    )
    steps = numbered("Stop", 0) + paragraph(run("Wait.")) + numbered("Drain", 0) + numbered("plug", 2)
    assert [(b.kind, b.text) for b in parse(body + steps).blocks] == [
        ("heading", "1. Motor"),
        ("heading", "1.1 Bearing"),
        ("heading", "1.2 Ring"),
        ("step", "2. Stop"),
        ("paragraph", "Wait."),
        ("step", "3. Drain"),
        ("step", "a. plug"),
    ]


def test_a_formula_is_one_line_of_text() -> None:
    def part(tag: str, text: str) -> str:
        return f"<m:{tag}><m:r><m:t>{text}</m:t></m:r></m:{tag}>"

    formula = f"<m:oMath><m:f>{part('num', 'U')}{part('den', 'R + r')}</m:f></m:oMath>"
    assert show(paragraph(run("I = ") + formula)) == ["I = U/(R + r)"]


def test_a_table_has_the_header_that_its_look_gives_it() -> None:
    assert [(b.text, b.header) for b in parse(table("K1:1|Fan", "K1:2|Pump", "K1:3|Lamp")).blocks] == [
        ("K1:1 | Fan", ""),
        ("K1:2 | Pump", ""),
        ("K1:3 | Lamp", ""),
    ]
    assert [(b.text, b.header) for b in parse(table("Screw|Torque", "M8|25 Nm", "M10|49 Nm")).blocks] == [
        ("M8 | 25 Nm", "Screw | Torque"),
        ("M10 | 49 Nm", "Screw | Torque"),
    ]


def test_a_table_in_a_cell_stays_with_its_row() -> None:
    inner = table("Inlet|50 C", "Outlet|40 C")
    cell = inner + paragraph("")
    outer = f"<w:tbl><w:tr><w:tc>{paragraph(run('Heating'))}</w:tc><w:tc>{cell}</w:tc></w:tr></w:tbl>"
    assert show(outer) == ["Heating | Inlet: 50 C; Outlet: 40 C"]


def test_strict_open_xml_is_read() -> None:
    document = read("a.docx", write_docx(paragraph(run("Suction lift 5 m.")), strict=True))
    assert [block.text for block in document.blocks] == ["Suction lift 5 m."]


# -- as a library writes it


def show_blocks(name: str, data: bytes) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in read(name, data).blocks]


def make_docx(build: object) -> bytes:
    document = docx.Document()
    build(document)  # type: ignore[operator]
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_docx_in_document_order() -> None:
    def build(document: object) -> None:
        d: docx.document.Document = document  # type: ignore[assignment]
        d.add_heading("Seal", 1)
        d.add_paragraph("Stop", style="List Number")
        d.add_paragraph("Drain", style="List Number")
        d.add_paragraph("plug", style="List Bullet")
        table = d.add_table(2, 2)
        for cell, text in zip(table._cells, ["Code", "Cause", "E1", "Dry"], strict=True):
            cell.text = text
        d.add_paragraph("CAUTION: Hot.")

    assert show_blocks("a.docx", make_docx(build)) == [
        ("heading", "Seal"),
        ("step", "1. Stop"),
        ("step", "2. Drain"),
        ("item", "- plug"),
        ("row", "E1 | Dry"),
        ("warning", "CAUTION: Hot."),
    ]


def test_a_docx_without_properties_is_called_by_its_first_heading() -> None:
    def build(document: docx.document.Document) -> None:
        document.add_heading("Seal", 1)
        document.add_paragraph("Press it out.")
        relations = document.part.package.rels
        (properties,) = [key for key, relation in relations.items() if "core-properties" in relation.reltype]
        relations.pop(properties)

    assert read("a.docx", make_docx(build)).title == "Seal"


def test_a_docx_that_unpacks_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_archive, "MAX_UNPACKED", 100_000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 200_000)
    with pytest.raises(DocumentError, match="unpacks to more"):
        read("bomb.docx", out.getvalue())


def test_a_locked_or_damaged_docx_is_refused() -> None:
    with pytest.raises(DocumentError, match="password"):
        read("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600)
    whole = make_docx(lambda d: d.add_paragraph("Text"))
    with pytest.raises(DocumentError, match="not a readable Word document"):
        read("a.docx", whole[: len(whole) // 2])
