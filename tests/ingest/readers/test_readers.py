"""Any file is read or refused with a reason."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import DocumentError
from edge.ingest.readers import SUFFIXES, get_media_type, read


def test_the_suffix_chooses_the_reader_whatever_its_case() -> None:
    assert read("NOTES.TXT", b"Check the oil.").blocks[0].text == "Check the oil."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pdf", "application/pdf"),
        ("b.HTM", "text/html"),
        ("c.csv", "text/csv"),
        ("d.x", "application/octet-stream"),
    ],
)
def test_media_types(name: str, expected: str) -> None:
    assert get_media_type(name) == expected


def test_an_unknown_type_is_refused_with_the_types_that_can_be_read() -> None:
    with pytest.raises(DocumentError, match=r"plan\.dwg") as refused:
        read("plan.dwg", b"AC1032")
    assert "pdf" in refused.value.hint


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize("data", [b"", b" \n\t\n", b"\0" * 512])
def test_an_empty_file_is_refused(suffix: str, data: bytes) -> None:
    with pytest.raises(DocumentError, match="empty"):
        read(f"manual{suffix}", data)


@pytest.mark.parametrize("suffix", [".csv", ".html", ".md", ".txt"])
def test_bytes_that_are_no_text_are_refused(suffix: str) -> None:
    data = random.Random(7).randbytes(5000)
    with pytest.raises(DocumentError, match="is not text"):
        read(f"manual{suffix}", data)


@pytest.mark.parametrize("suffix", [".csv", ".html", ".md", ".txt"])
def test_a_few_stray_bytes_do_not_cost_a_document(suffix: str) -> None:
    text = b"<p>code,meaning\nE1,the p\xe9rim\xe8tre is open\xff\n" * 20 + b"\x01"
    assert "périmètre" in read(f"manual{suffix}", text).blocks[0].text


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@settings(max_examples=60, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=2000), st.text(max_size=500).map(lambda text: text.encode("utf-8", "ignore"))
    )
)
def test_arbitrary_bytes_are_read_or_refused_but_never_break_anything(suffix: str, data: bytes) -> None:
    try:
        document = read(f"manual{suffix}", data)
    except DocumentError as refused:
        assert refused.hint  # noqa: PT017
    else:
        assert all(1 <= block.page <= len(document.pages) for block in document.blocks)
        "".join(block.text + block.header for block in document.blocks).encode("utf-8")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".csv"])
def test_text_in_an_old_encoding_is_read_as_windows_1252(suffix: str) -> None:
    document = read(f"note{suffix}", "part;torque\nscrew;3 µm ± 1 °C".encode("cp1252"))
    assert "3 µm ± 1 °C" in document.blocks[-1].text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-16-le", "Wymień uszczelkę wału. E1: przegrzanie"),
        ("utf-16-be", "Größe prüfen"),
        ("cp1250", "Wymień uszczelkę wału co 4000 godzin."),
        ("cp1250", "Kód E1: příliš vysoká teplota čerpadla"),
        ("cp1250", "Cserélje a tömítést. Ellenőrizze az olajnyomást."),
        ("cp1251", "Проверьте давление масла перед запуском."),
        ("koi8-r", "Проверьте давление масла перед запуском."),
        ("cp1253", "Ελέγξτε την πίεση λαδιού."),
        ("cp1254", "Çalıştırmadan önce yağ basıncını kontrol edin, dişli şaft."),
        ("cp437", "Öl nachfüllen bei 60 °C, Größe prüfen."),
        ("mac_roman", "Öl nachfüllen bei 60 °C, Größe prüfen."),
        ("shift_jis", "始動前に油圧を確認してください。"),
        ("gb18030", "启动前检查油压。拧紧力矩25 Nm。"),
        ("big5", "啟動前檢查油壓。"),
        ("euc_kr", "시동 전에 오일 압력을 확인하십시오."),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".html"])
def test_the_encoding_is_told_by_the_letters_and_said(encoding: str, text: str, suffix: str) -> None:
    document = read(f"note{suffix}", text.encode(encoding))
    assert [block.text for block in document.blocks] == [text]
    assert any("does not say its encoding" in note for note in document.notes)


@pytest.mark.parametrize(
    "text",
    [
        "Vérifier la pression d’huile à 60 °C.",
        "¿Está cerrada la válvula n.º 3?",
        "Pumpen går tørr – sjekk nivået",
    ],
)
def test_the_usual_encoding_needs_no_word(text: str) -> None:
    document = read("note.txt", text.encode("cp1252"))
    assert ([block.text for block in document.blocks], document.notes) == ([text], ())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    assert read("note.txt", "Grüße vom Prüfstand".encode(encoding)).blocks[0].text == "Grüße vom Prüfstand"
