from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.errors import ForbiddenError, UsageError
from edge.publish.delegation import rotate
from edge.publish.keys import read_public_key
from edge.publish.token import open_signer, read_token

SOFT_TOKEN = Path("/usr/lib/softhsm/libsofthsm2.so")


def encode_public_pem(private: Any) -> bytes:
    data: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return data


def test_a_file_says_where_the_key_is(tmp_path: Path) -> None:
    pem = encode_public_pem(generate_private_key(SECP256R1()))
    (tmp_path / "a.token").write_bytes(b"hsm:2?label=Vault\n" + pem)
    (tmp_path / "a.pem").write_bytes(pem)
    where, key = read_token(tmp_path / "a.token")
    assert (where, key.scheme) == ("hsm:2?label=Vault", "ecdsa-sha2-nistp256")
    assert key == read_public_key(tmp_path / "a.pem")


@pytest.mark.parametrize("head", [b"", b"hsm:2\n", b"file:/x\n" + encode_public_pem(generate_private_key(SECP256R1())),
                                  b"hsm:2\n" + encode_public_pem(Ed25519PrivateKey.generate())])  # fmt: skip
def test_a_file_that_is_not_as_it_should_be(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.token").write_bytes(head)
    with pytest.raises(UsageError, match=r"a\.token describes no key"):
        read_token(tmp_path / "a.token")


def test_a_token_is_at_hand_without_its_pin(publisher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    path = publisher.keys_folder / "vault.token"
    path.write_bytes(b"hsm:2\n" + encode_public_pem(generate_private_key(SECP256R1())))
    keys, keyid = publisher.open_keys(), read_token(path)[1].keyid
    assert keys.has([keyid])
    assert publisher.passphrase.asked == []
    with pytest.raises(UsageError, match="PYKCS11LIB is not set"):
        keys.find_signer(keyid)


@pytest.fixture
def soft_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A token in software with a key on it; the file is what stands for it among the keys."""
    pytest.importorskip("pkcs11")
    if not SOFT_TOKEN.exists() or not shutil.which("pkcs11-tool"):
        pytest.skip("needs softhsm2 and opensc")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.setenv("PYKCS11LIB", str(SOFT_TOKEN))
    tool = ["pkcs11-tool", "--module", str(SOFT_TOKEN), "--login", "--pin", "1234"]
    der, pem = tmp_path / "public.der", tmp_path / "public.pem"
    for command in (
        ["softhsm2-util", "--init-token", "--free", "--label", "Vault", "--so-pin", "5678", "--pin", "1234"],
        [*tool, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "root"],
        [*tool, "--read-object", "--type", "pubkey", "--id", "02", "-o", str(der)],
        ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", str(der), "-out", str(pem)],
    ):
        subprocess.run(command, check=True, capture_output=True, env=os.environ)
    path = tmp_path / "vault.token"
    path.write_bytes(b"hsm:2?label=Vault\n" + pem.read_bytes())
    return path


def test_a_token_signs_like_any_other_key(publisher: Any, soft_token: Path) -> None:
    device = publisher.make_device()
    device.refresh()
    with publisher.repository.change(publisher.open_keys()) as change:
        rotate(change, "timestamp", public_keys=[read_token(soft_token)[1]])
        change.finish()
    shutil.copy(soft_token, publisher.keys_folder)
    publisher.passphrase.value = "1234"
    for path in publisher.keys_folder.glob("*.pem"):
        path.unlink()
    assert publisher.repository.sign(publisher.open_keys()).missing == ()
    publisher.repository.refresh(publisher.open_keys())
    assert publisher.passphrase.asked[-2:] == ["vault.token"] * 2
    assert device.read_versions()["root"] == 2


def test_a_pin_is_asked_for_once(publisher: Any, soft_token: Path) -> None:
    asked: list[str] = []

    def pin() -> str:
        asked.append("")
        return "0000"

    signer = open_signer(soft_token, pin)
    for _ in range(2):
        with pytest.raises(ForbiddenError, match="did not sign"):
            signer.sign(b"data")
    assert len(asked) == 1


def test_too_few_keys_for_root_are_refused(publisher: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(encode_public_pem(generate_private_key(SECP256R1())))
    with (
        publisher.repository.change(publisher.open_keys()) as change,
        pytest.raises(UsageError, match="at least 2 keys"),
    ):
        rotate(change, "root", public_keys=[read_public_key(tmp_path / "a.pem")])
