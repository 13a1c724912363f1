"""A receipt holds without the device, tells every change, fits 8 KB and a QR code; another program checks it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from PIL import Image

from edge.audit import code, issue
from edge.audit.entry import NewRow, make_commitment
from edge.audit.note import Note, NoteError, VerifierKey
from edge.audit.proof import Proof, list_cosigners
from edge.audit.receipt import Receipt, write_body
from edge.audit.store import LogStore
from edge.audit.turn import encode
from edge.errors import NotFoundError, UsageError
from tests.audit import independent
from tests.audit.conftest import START, OpenStore, make_row

SALT = bytes(range(16))


def make_record(**changes: Any) -> dict[str, Any]:
    citation = {
        "n": 1, "pack": "pumps", "version": "1.0", "document": "px-200.md", "page": 1, "sha256": "ab" * 32,
    }  # fmt: skip
    text, kind = "Tighten to 25 Nm. [1]", "extractive"
    answer = {"text": text, "mode": kind, "citations": [citation], "warnings": [], "unverified": []}
    return {
        "question": "How tight?", "scope": {"equipment": None, "packs": [], "engine": None}, "answer": answer,
        "packs": [{"name": "pumps", "version": "1.0", "digest": "cd" * 32}], "engine": "extractive", "model_sha256": "",
        **changes,
    }  # fmt: skip


def add_answer(store: LogStore, record: Mapping[str, Any]) -> int:
    body = write_body(record)
    payload = zlib.compress(encode({**record, "salt": SALT.hex(), "receipt": body}))
    return store.append([NewRow("anna", START, make_commitment(SALT, body.encode()), payload)])[0]


@pytest.fixture
def receipt(filled: LogStore) -> Receipt:
    return issue.issue_receipt(filled, filled.get_row(add_answer(filled, make_record())))


def test_it_holds_and_says_what_was_answered(receipt: Receipt) -> None:
    read = Receipt.parse(str(receipt))
    assert read == receipt
    checked = read.check()
    assert checked.body["answer"] == "Tighten to 25 Nm. [1]"
    assert (checked.time, checked.checkpoint.size, read.proof.index) == (START, 301, 300)


def test_mail_may_turn_its_line_ends(receipt: Receipt) -> None:
    assert Receipt.parse("\ufeff" + str(receipt).replace("\n", "\r\n")).check()


def test_any_change_of_a_character_is_told(receipt: Receipt) -> None:
    text, random = str(receipt), Random(1)
    for _ in range(300):
        at = random.randrange(len(text))
        changed = text[:at] + random.choice("aZ0\n {+=") + text[at + 1 :]
        if changed == text:
            continue
        try:
            read = Receipt.parse(changed)
            read.check()
        except NoteError:
            continue
        # An unknown signature may stand below; no other change goes through.
        assert str(read).splitlines()[:-1] == text.splitlines()[:-1]


def test_it_is_checked_by_a_program_that_knows_the_specifications_alone(
    filled: LogStore, receipt: Receipt
) -> None:
    assert independent.verify_receipt(str(receipt).encode()) == (300, 301)
    with pytest.raises(ValueError, match="commitment"):
        independent.verify_receipt(str(receipt).replace("25 Nm", "52 Nm").encode())
    with pytest.raises(InvalidSignature):
        independent.verify_receipt(str(receipt).replace("\n301\n", "\n302\n").encode())


def test_the_second_program_finds_every_row_of_the_log(filled: LogStore) -> None:
    note = filled.read_checkpoint()
    assert note is not None
    tree = filled.make_tree()
    for row in list(filled.list_rows())[::23]:
        proof = Proof(row.index, tuple(tree.prove_inclusion(row.index)), note)
        leaf = independent.leaf_hash(row.entry)
        found = independent.verify_proof(str(proof).encode(), leaf, str(filled.key.public))
        assert found == (row.index, 300)


def test_another_log_is_not_taken_for_the_one_that_is_known(
    receipt: Receipt, open_store: OpenStore, filled: LogStore
) -> None:
    other = open_store("other").key.public
    with pytest.raises(NoteError, match="another one"):
        receipt.require_key([other])
    receipt.require_key([other, filled.key.public])


def test_its_cosigners_are_told_if_they_are_known(
    filled: LogStore, open_store: OpenStore, receipt: Receipt
) -> None:
    witness = open_store("witness").key
    note = receipt.proof.checkpoint
    cosigned = note.add([witness.cosign(note.text, 1_790_000_000)])
    assert list_cosigners(Note.parse(str(cosigned)), [witness.public]) == [(witness.public, 1_790_000_000)]
    assert list_cosigners(note, [witness.public]) == []
    found = independent.verify_cosignature(str(cosigned).encode(), witness.public.name, witness.public.public)
    assert found == 1_790_000_000
    forged = Note(cosigned.text.replace("301", "300"), cosigned.signatures)
    with pytest.raises(NoteError, match="wrong"):
        list_cosigners(forged, [witness.public])


@pytest.mark.parametrize("letter", ["x", "ж", "\\", '"', "\n", "𝄞"])
def test_the_longest_is_below_8_kilobytes(store: LogStore, letter: str) -> None:
    record = make_record(question=letter * 8192, history=[["user", letter * 9999]])
    one = {**record["answer"]["citations"][0], "document": letter * 500}
    record["scope"]["packs"] = ["p" * 60] * 40
    record["answer"] |= {
        "text": letter * 9999,
        "citations": [one] * 30,
        "warnings": [{"text": letter * 3000, "citation": 1}] * 20,
        "unverified": [letter * 400] * 50,
    }
    record["packs"] *= 30
    receipt = issue.issue_receipt(store, store.get_row(add_answer(store, record)))
    room = 20 * 45 + 8 * 160  # the proof of a log of a million rows, and eight witnesses
    assert len(str(receipt).encode()) + room < 8192
    assert receipt.check().body["question_sha256"]


def test_rows_without_an_answer_have_none(filled: LogStore) -> None:
    with pytest.raises(NotFoundError, match="not about an answer"):
        issue.issue_receipt(filled, filled.get_row(5))
    with pytest.raises(NotFoundError, match="no receipt of this name"):
        issue.find_receipt(filled, "ab" * 32)
    with pytest.raises(NotFoundError):
        issue.find_receipt(filled, "no name")


def test_it_is_checked_within_50_milliseconds(receipt: Receipt) -> None:
    text = str(receipt)
    took = []
    for _ in range(5):
        start = time.process_time()
        Receipt.parse(text).check()
        took.append(time.process_time() - start)
    assert min(took) < 0.05


def test_a_qr_code_holds_all_of_it(receipt: Receipt, tmp_path: Path) -> None:
    text = str(receipt)
    packed = code.pack(text)
    assert code.unpack(packed + "\n") == text
    assert code.unpack(text) == text
    issue.write_receipt(receipt, tmp_path / "r.png")
    issue.write_receipt(receipt, tmp_path / "r.svg")
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.width > 400
    assert (tmp_path / "r.svg").read_text().startswith("<?xml")
    assert len(code.draw_for_terminal(text).splitlines()) > 30


def test_a_qr_code_that_is_damaged_or_would_be_too_long_is_told(receipt: Receipt) -> None:
    packed = code.pack(str(receipt))
    for wrong in (packed[:-9], packed[:50] + "é" + packed[51:], "EDGE1:", "EDGE1:::::"):
        with pytest.raises(NoteError, match="damaged"):
            code.unpack(wrong)
    bomb = code.PREFIX + code.encode(zlib.compress(bytes(10_000_000)))
    with pytest.raises(NoteError, match="damaged"):
        code.unpack(bomb)
    with pytest.raises(UsageError, match="too long"):
        code.draw("".join(map(chr, Random(1).choices(range(33, 127), k=8000))), ".svg")


def test_base45_is_that_of_the_rfc() -> None:
    for data, text in (
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
    ):
        assert code.encode(data) == text
        assert code.decode(text) == data


@pytest.mark.parametrize(
    "text",
    ["", "hello", "edge.audit/receipt@v1\nkey x\nsalt 00\n\n{}\n\nrow\n\nproof", "\n\n\n\n\n\n", "EDGE"],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Receipt.parse(text).check()


def test_a_key_as_text_is_that_of_the_specification() -> None:
    text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    key = VerifierKey.parse(text)
    assert str(key) == text
    note = (
        "This is an example message.\n\n— example.com/foo "
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    )
    assert Note.parse(note).find(key)
    with pytest.raises(NoteError):
        Note.parse(note.replace("example m", "Example m")).find(key)
    for wrong in (text[:-1], text.replace("530d", "530e"), "a+b+c", "", text.replace("foo", "f o")):
        with pytest.raises(NoteError):
            VerifierKey.parse(wrong)


def test_rows_of_others_do_not_matter(filled: LogStore) -> None:
    index = add_answer(filled, make_record())
    filled.append([make_row(number) for number in range(500)])
    assert issue.issue_receipt(filled, filled.get_row(index)).check()
