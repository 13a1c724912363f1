from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ForbiddenError, NotFoundError, UsageError
from edge.publish import keys as keys_module

Edge = Callable[..., Any]


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "ITERATIONS", 1)
    monkeypatch.setenv("EDGE_KEYS_PASSPHRASE", "correct horse")


@pytest.fixture
def place(edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``repo`` and ``keys``, from where the commands are run."""
    monkeypatch.chdir(tmp_path)
    assert edge("publish", "init", "repo", "--keys", "keys").code == 0
    return tmp_path


@pytest.fixture
def publish(edge: Edge, place: Path) -> Callable[..., Any]:
    """``publish("add", "x.kpack")`` runs ``edge publish add repo x.kpack --keys keys``."""

    def call(command: str, *arguments: str, keys: Sequence[str] = ("keys",)) -> Any:
        folders = [word for folder in keys for word in ("--keys", folder)]
        return edge("publish", command, "repo", *arguments, *folders)

    return call


def apart(place: Path) -> list[str]:
    """Each root key in a folder of its own."""
    folders = []
    for path in sorted((place / "keys").glob("root-*.pem")):
        folders.append(f"stick-{path.stem[5:]}")
        (place / folders[-1]).mkdir()
        path.rename(place / folders[-1] / path.name)
    return folders


def test_init_names_the_keys_and_shows_the_fingerprints(edge: Edge, tmp_path: Path) -> None:
    repo, keys = tmp_path / "repo", tmp_path / "keys"
    result = edge("publish", "init", str(repo), "--keys", str(keys))
    assert (result.code, result.err) == (0, "")
    assert all(str(path) in result.out for path in keys.iterdir())
    assert "Root changes with 2 of these 3 keys." in result.out
    root = json.loads((repo / "metadata" / "1.root.json").read_text())["signed"]
    assert all(keyid in result.out.replace(" ", "") for keyid in root["roles"]["root"]["keyids"])


def test_init_with_other_numbers(edge: Edge, tmp_path: Path) -> None:
    arguments = ("--keys", str(tmp_path / "keys"), "--root-keys", "2", "--threshold", "2")
    result = edge("publish", "init", str(tmp_path / "repo"), *arguments)
    assert "Every root key is needed" in result.out
    assert len(list((tmp_path / "keys").glob("root-*"))) == 2
    result = edge("publish", "init", str(tmp_path / "repo"), "--keys", str(tmp_path / "keys"))
    assert (result.code, "already" in result.err) == (UsageError.exit_code, True)


def test_keys_in_the_repository_are_refused(edge: Edge, tmp_path: Path) -> None:
    result = edge("publish", "init", str(tmp_path / "repo"), "--keys", str(tmp_path / "repo" / "keys"))
    assert result.code == UsageError.exit_code
    assert "inside the repository" in result.err
    assert not (tmp_path / "repo").exists()


def test_add_says_what_went_out(publish: Callable[..., Any], kpack: Path) -> None:
    result = publish("add", str(kpack))
    assert result.code == 0
    assert result.out.splitlines()[0].startswith("pumps 1.2  ")
    assert "targets: publishes packs/pumps.kpack 1.2, " in result.out
    assert "published  targets 2, snapshot 2, timestamp 2\n" in result.out
    again = publish("add", str(kpack))
    assert again.out == "pumps 1.2  is in the repository already\nNothing to do: everything is signed.\n"


def test_without_the_key_it_says_which_is_missing(
    publish: Callable[..., Any], kpack: Path, place: Path
) -> None:
    (key,) = (place / "keys").glob("targets-*.pem")
    (place / "safe").mkdir()
    key.rename(place / "safe" / key.name)
    result = publish("add", str(kpack))
    assert result.code == 0
    assert "not published yet" in result.out
    assert f"1 signature: {key.stem}" in result.out
    assert "edge publish sign repo --keys KEYS" in result.out
    assert key.stem in publish("status", keys=()).out
    result = publish("sign", keys=("keys", "safe"))
    assert "This has been waiting for signatures:" in result.err
    assert "published  targets 2" in result.out


def test_refresh_is_one_line_for_the_log(publish: Callable[..., Any]) -> None:
    result = publish("refresh")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("published  timestamp 2\n")


def test_two_holders_of_root_sign_in_turn(publish: Callable[..., Any], place: Path) -> None:
    sticks = apart(place)
    result = publish("rotate", "targets")
    assert "2 signatures of root-" in result.out
    assert "1 signature of root-" in publish("sign", keys=(sticks[0],)).out
    assert "root 2" in publish("sign", keys=(sticks[1],)).out


def test_what_waits_can_be_dropped(publish: Callable[..., Any], place: Path) -> None:
    apart(place)
    publish("rotate", "targets")
    assert publish("sign", "--discard").out.count("dropped  targets: key ") == 2
    assert publish("sign", "--discard").out == "Nothing was waiting.\n"


def test_a_delegate_from_its_first_key_to_its_last_day(
    publish: Callable[..., Any], kpack: Path, place: Path
) -> None:
    result = publish("delegate", "acme", "--paths", "acme-*")
    assert "acme may publish packs/acme-*.kpack, deltas/acme-*/*.kdelta" in result.out
    result = publish("add", str(kpack), "--role", "acme")
    assert result.code == ForbiddenError.exit_code
    assert "acme may not publish packs/pumps.kpack" in result.err
    assert publish("delegate", "acme", "--paths", "pumps").code == 0
    assert "published  acme 2" in publish("add", str(kpack), "--role", "acme").out
    assert "acme may no longer publish anything" in publish("revoke", "acme").out


def test_a_lost_key_is_replaced(publish: Callable[..., Any], place: Path) -> None:
    (lost,) = (place / "keys").glob("snapshot-*.pem")
    lost.unlink()
    result = publish("revoke", "snapshot", "--key", lost.stem[9:])
    assert f"snapshot: key {lost.stem[9:]} may no longer sign" in result.out
    assert "root 2" in result.out
    result = publish("revoke", "snapshot")
    assert (result.code, "--key" in result.err) == (UsageError.exit_code, True)


def test_a_key_made_elsewhere_takes_its_place(
    publish: Callable[..., Any], place: Path, tmp_path: Path
) -> None:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    protected = ["-aes256", "-pass", "pass:correct horse"]
    for command in (
        ["openssl", "genpkey", "-algorithm", "ed25519", *protected, "-out", str(private)],
        [
            "openssl",
            "pkey",
            "-in",
            str(private),
            "-passin",
            "pass:correct horse",
            "-pubout",
            "-out",
            str(public),
        ],
    ):
        subprocess.run(command, check=True, capture_output=True)
    assert "1 signature: timestamp-" in publish("rotate", "timestamp", "--public-key", str(public)).out
    (place / "server").mkdir()
    private.rename(place / "server" / "server.pem")
    assert "published  root 2, timestamp 2" in publish("sign", keys=("server",)).out
    assert publish("refresh", keys=("server",)).out.startswith("published  timestamp 3\n")


def test_export_and_status(publish: Callable[..., Any], edge: Edge, kpack: Path, place: Path) -> None:
    publish("add", str(kpack))
    result = edge("publish", "export", "repo", "usb", "--packs", "pumps")
    assert result.out.startswith("usb  1 file, ")
    assert "edge sync usb" in result.out
    assert list((place / "usb" / "targets" / "packs").glob("*.pumps.kpack"))

    text = edge("publish", "status", "repo")
    assert text.code == 0
    assert "timestamp  2 " in text.out
    assert "2 of 3: " in text.out
    assert "pumps  1.2" in text.out
    shape = json.loads(edge("publish", "status", "repo", "--json").out)
    assert shape["sound"]
    assert [role["name"] for role in shape["roles"]] == ["root", "targets", "snapshot", "timestamp"]
    assert shape["targets"][0]["path"] == "packs/pumps.kpack"

    next((place / "repo" / "targets" / "packs").iterdir()).unlink()
    result = edge("publish", "status", "repo")
    assert result.code == 1
    assert "The file of packs/pumps.kpack is missing or damaged" in result.out


def test_prune_says_what_it_freed(publish: Callable[..., Any], kpack: Path, place: Path) -> None:
    publish("add", str(kpack))
    (place / "repo" / "targets" / "packs" / "old").write_bytes(bytes(3000))
    assert "Old files deleted: 3.0 kB" in publish("add", str(kpack), "--prune").out


def test_errors_say_what_to_do(
    publish: Callable[..., Any], edge: Edge, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = edge("publish", "status", "nowhere")
    assert (result.code, "edge publish init" in result.err) == (NotFoundError.exit_code, True)
    monkeypatch.setenv("EDGE_KEYS_PASSPHRASE", "wrong")
    result = publish("refresh")
    assert (result.code, "is wrong" in result.err) == (ForbiddenError.exit_code, True)
    monkeypatch.delenv("EDGE_KEYS_PASSPHRASE")
    result = publish("refresh")
    assert (result.code, "EDGE_KEYS_PASSPHRASE" in result.err) == (UsageError.exit_code, True)
    assert publish("refresh", keys=("nowhere",)).code == NotFoundError.exit_code


def test_a_pack_is_built_signed_and_released_at_once(
    edge: Edge, place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EMBEDDER", "none")
    build = ("pack", "build", str(source), "-o", "new.kpack", "--sign-with", "keys")
    result = edge(*build, "--repository", "repo")
    assert result.code == 0
    assert "published  targets 2, snapshot 2, timestamp 2" in result.out
    Path("new.kpack").unlink()
    for options in ((), ("--repository", "nowhere"), ("--repository", ".")):
        assert edge(*build, *options).code in (UsageError.exit_code, NotFoundError.exit_code)
        assert not Path("new.kpack").exists()


# At a terminal


def typed(place: Path, *arguments: str, answers: Sequence[str]) -> tuple[int, str]:
    """Run a command at a terminal; each question (it ends with ``: ``) gets the next answer."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "EDGE_KEYS_PASSPHRASE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *arguments],
        cwd=place, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown, waiting, deadline = b"", list(answers), time.monotonic() + 60
    try:
        while time.monotonic() < deadline and (piece := os.read(ours, 4096)):
            shown += piece
            if waiting and shown.endswith(b": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
    except OSError:  # the other side has gone
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=60), shown.decode()


def test_passphrases_are_asked_for_and_not_shown(place: Path) -> None:
    once, twice = "staple battery", ["staple battery"] * 2
    arguments = ("publish", "init", "other", "--keys", "others", "--root-keys", "1", "--threshold", "1")
    code, shown = typed(place, *arguments, answers=[*twice, "", "", ""])
    assert code == 0
    assert once not in shown
    assert shown.count("New passphrase for ") == 4
    assert "(Enter: the same as before)" in shown
    code, shown = typed(place, "publish", "refresh", "other", "--keys", "others", answers=["no", once])
    assert code == 0
    assert "That is not it." in shown
    assert "timestamp 2" in shown


def test_an_empty_passphrase_and_one_typed_wrong_are_asked_again(place: Path) -> None:
    arguments = ("publish", "init", "other", "--keys", "others", "--root-keys", "1", "--threshold", "1")
    answers = ["", "one", "two", "one", "one", "", "", ""]
    code, shown = typed(place, *arguments, answers=answers)
    assert code == 0
    assert "A key without a passphrase is not safe." in shown
    assert "These were not the same." in shown


def test_others_changes_are_shown_before_they_are_signed(publish: Callable[..., Any], place: Path) -> None:
    sticks = apart(place)
    publish("rotate", "timestamp")
    code, shown = typed(place, "publish", "sign", "repo", "--keys", sticks[0], answers=["n"])
    assert code == 1
    assert "timestamp: key " in shown
    assert "Go on with it?" in shown
    assert "2 signatures of" in publish("status", keys=()).out


# The fleet


def test_a_fleet_is_founded_and_a_device_admitted(publish: Callable[..., Any], place: Path) -> None:
    founded = publish("fleet")
    assert (founded.code, founded.err) == (0, "")
    assert (place / "repo" / "metadata" / "fleet.pem").is_file()
    admitted = publish("admit", "van 7", "van-7")
    assert admitted.code == 0
    assert "van 7  is admitted" in admitted.out
    assert len(list((place / "van-7").iterdir())) == 3


def test_nobody_is_admitted_before_there_is_a_fleet(publish: Callable[..., Any]) -> None:
    result = publish("admit", "van 7", "van-7")
    assert result.code == NotFoundError.exit_code
    assert "fleet" in result.err


def test_what_is_published_gets_a_torrent_once_there_is_a_fleet(
    publish: Callable[..., Any], place: Path, kpack: Path
) -> None:
    publish("add", str(kpack))
    assert list((place / "repo" / "metadata").glob("*.torrent")) == []
    assert "1 torrent for the fleet" in publish("fleet").out
    assert len(list((place / "repo" / "metadata").glob("*.torrent"))) == 1
