from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from edge.errors import ForbiddenError, NotFoundError, StorageError, UsageError
from edge.publish import keys as keys_module
from edge.publish.keys import Keys, read_public_key


class Passphrases:
    """Candidates in order."""

    def __init__(self, *candidates: str) -> None:
        self.candidates = candidates
        self.asked: list[str] = []

    def list_candidates(self, file: str) -> Iterator[str]:
        self.asked.append(file)
        yield from self.candidates

    def create(self, file: str) -> str:
        return self.candidates[0]


def open_keys(folder: Path, *candidates: str) -> Keys:
    return Keys([folder], Passphrases(*candidates or ("päss",)), folder.parent / "repository", create=True)


def encode_pem(path: Path, key: Any, passphrase: bytes | None = b"secret") -> Path:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


def test_a_key_is_one_encrypted_file_for_its_owner_alone(tmp_path: Path) -> None:
    key = open_keys(tmp_path / "keys").create("root")
    (path,) = (tmp_path / "keys").iterdir()
    assert path.name == f"root-{key.keyid[:12]}.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")


def test_it_signs_when_it_is_opened_again(tmp_path: Path) -> None:
    key = open_keys(tmp_path / "keys").create("root")
    signer = open_keys(tmp_path / "keys").find_signer(key.keyid)
    assert signer is not None
    key.verify_signature(signer.sign(b"metadata"), b"metadata")


def test_the_file_is_what_openssl_reads_and_guessing_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "ITERATIONS", 600_000)
    open_keys(tmp_path / "keys").create("root")
    (path,) = (tmp_path / "keys").iterdir()
    command = ["openssl", "pkey", "-in", str(path), "-passin", "pass:päss", "-noout", "-text"]
    assert "ED25519 Private-Key" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    structure = subprocess.run(
        ["openssl", "asn1parse", "-in", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert f":{600_000:06X}" in structure
    assert "hmacWithSHA256" in structure
    assert "aes-256-cbc" in structure


def test_candidates_are_tried_in_turn(tmp_path: Path) -> None:
    key = open_keys(tmp_path / "keys").create("root")
    assert open_keys(tmp_path / "keys", "no", "nor this", "päss").find_signer(key.keyid)


def test_a_wrong_passphrase_is_told_with_the_file(tmp_path: Path) -> None:
    key = open_keys(tmp_path / "keys").create("root")
    with pytest.raises(ForbiddenError, match=rf"root-{key.keyid[:12]}\.pem is wrong") as error:
        open_keys(tmp_path / "keys", "no").find_signer(key.keyid)
    assert "EDGE_KEYS_PASSPHRASE" in error.value.hint


def test_only_the_key_that_is_needed_is_asked_for(tmp_path: Path) -> None:
    made = open_keys(tmp_path / "keys")
    wanted, _ = made.create("root"), made.create("targets")
    passphrases = Passphrases("päss")
    keys = Keys([tmp_path / "keys"], passphrases, tmp_path / "repository")
    assert keys.has([wanted.keyid])
    assert passphrases.asked == []
    assert keys.find_signer(wanted.keyid) is keys.find_signer(wanted.keyid)
    assert passphrases.asked == [f"root-{wanted.keyid[:12]}.pem"]


def test_keys_may_lie_on_several_sticks(tmp_path: Path) -> None:
    made = [open_keys(tmp_path / name).create("root") for name in ("a", "b")]
    keys = Keys([tmp_path / "b", tmp_path / "a"], Passphrases("päss"), tmp_path / "repository")
    assert all(keys.find_signer(key.keyid) for key in made)
    keys.create("targets")
    assert len(list((tmp_path / "b").iterdir())) == 2


def test_a_key_that_is_not_there_is_not_at_hand(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys")
    assert keys.find_signer("0" * 64) is None
    assert not keys.has(["0" * 64])
    assert not Keys.make_empty().has(["0" * 64])


@pytest.mark.parametrize(
    "place", ["repository", "repository/keys", "repository/a/../keys", "link/keys", "link"]
)
def test_keys_never_lie_in_the_repository(tmp_path: Path, place: str) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (tmp_path / "link").symlink_to(repository)
    with pytest.raises(UsageError, match="inside the repository"):
        Keys([tmp_path / place], Passphrases("x"), repository, create=True)
    assert list(repository.iterdir()) == []


def test_a_folder_beside_the_repository_is_fine(tmp_path: Path) -> None:
    Keys([tmp_path / "repository-keys"], Passphrases("x"), tmp_path / "repository", create=True)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        Keys([tmp_path / "keys"], Passphrases("x"), tmp_path / "repository")


# Keys made elsewhere


def test_a_key_made_elsewhere_is_found_by_what_it_is(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    encode_pem(tmp_path / "ours.pem", private)
    public = tmp_path / "public.pem"
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    key = read_public_key(public)
    keys = Keys([tmp_path], Passphrases("secret"), tmp_path / "repository")
    assert keys.has([key.keyid])
    assert keys.find_signer(key.keyid)


def test_other_peoples_keys_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    key = open_keys(tmp_path / "keys").create("root")
    encode_pem(tmp_path / "keys" / "a-web-server.pem", Ed25519PrivateKey.generate(), b"another passphrase")
    (tmp_path / "keys" / "certificate.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    assert open_keys(tmp_path / "keys").find_signer(key.keyid)
    assert open_keys(tmp_path / "keys").find_signer("0" * 64) is None


def test_an_unencrypted_key_is_refused(tmp_path: Path) -> None:
    path = encode_pem(tmp_path / "root-0123456789ab.pem", Ed25519PrivateKey.generate(), None)
    with pytest.raises(UsageError, match="not an encrypted private key") as error:
        Keys([tmp_path], Passphrases("x"), tmp_path / "repository").find_signer("0123456789ab" + "0" * 52)
    assert path.name in error.value.hint


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    encode_pem(tmp_path / "root-0123456789ab.pem", generate_private_key(65537, 1024))
    with pytest.raises(UsageError, match="not an ed25519 key"):
        Keys([tmp_path], Passphrases("secret"), tmp_path / "repository").find_signer(
            "0123456789ab" + "0" * 52
        )


def test_a_public_key_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_public_key(tmp_path / "none.pem")
    with pytest.raises(UsageError, match="not a public key"):
        read_public_key(encode_pem(tmp_path / "private.pem", Ed25519PrivateKey.generate()))
    with pytest.raises(StorageError):
        read_public_key(tmp_path)
