"""Pulling models from a hub: resumed, verified, and with a clear reason when it cannot be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import files
from edge.config import Settings
from edge.errors import (
    BusyError,
    CarrierError,
    EdgeError,
    ModelError,
    NotFoundError,
    StorageError,
    UsageError,
)
from edge.models.hub import Spec, choose, parse_spec
from edge.models.integrity import read_record
from edge.models.pull import FOLDER, pull
from edge.models.store import ModelStore
from tests.models.hub_server import COMMIT, Hub, serve

NAME = "chain-Q8_0.gguf"
SPEC = f"hf:owner/model-GGUF/{NAME}"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub waits a second before it takes up a broken connection. Blocks are smaller than the model."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr("edge.models.hub.BLOCK", 1000)


@pytest.fixture
def hub(model: Path) -> Iterator[Hub]:
    with serve(Hub(files={NAME: model.read_bytes(), "README.md": b"words"})) as hub:
        yield hub


@pytest.fixture
def settings(tmp_path: Path, hub: Hub) -> Settings:
    return Settings(home=tmp_path / "home", hub=hub.address)


def quiet(_stage: str, _done: int, _total: int) -> None:
    pass


def staged(settings: Settings) -> list[int]:
    """Sizes of what unfinished downloads have left."""
    return [path.stat().st_size for path in (settings.models_dir / FOLDER).iterdir() if path.name != ".lock"]


def test_a_model_is_pulled_and_used(settings: Settings, hub: Hub, model: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    pulled = pull(settings, SPEC, lambda *report: seen.append(report))
    assert (pulled.name, pulled.active) == ("chain-Q8_0", True)
    assert pulled.path.read_bytes() == model.read_bytes()
    record = read_record(pulled.path)
    assert record is not None
    assert record.sha256 == hub.hash_file(NAME) == files.hash_file(model)
    assert record.source == f"{SPEC}@{COMMIT}"
    assert seen[-1] == ("check", len(hub.files[NAME]), len(hub.files[NAME]))
    assert ("pull", len(hub.files[NAME]), len(hub.files[NAME])) in seen
    assert staged(settings) == []


def test_nothing_is_said_about_this_machine(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pull(settings, SPEC, quiet)
    assert {path.split("/")[1] for _, path, _ in hub.requests} == {"api", "owner"}  # no look-up besides
    for _, _, headers in hub.requests:
        assert headers["user-agent"].startswith(("edge/", "unknown/"))
        assert "torch" not in headers["user-agent"]
        assert "agent/" not in headers["user-agent"].replace("user-agent/", "")


def test_without_a_network_it_fails_at_once(settings: Settings) -> None:
    began = time.monotonic()
    with pytest.raises(CarrierError, match="cannot be reached"):
        pull(replace(settings, hub="http://127.0.0.1:9"), SPEC, quiet)
    assert time.monotonic() - began < 5  # the library's own tries take 20


def test_a_cut_connection_is_taken_up_again(settings: Settings, hub: Hub) -> None:
    hub.cuts = [1000, 5000]
    pull(settings, SPEC, quiet)
    assert hub.list_downloads() == ["", "bytes=1000-", "bytes=6000-"]


def test_an_interrupted_pull_resumes_where_it_was(settings: Settings, hub: Hub) -> None:
    hub.cuts = [70_000] + [0] * 10  # then dead, for longer than the library tries
    with pytest.raises(CarrierError, match="connection broke") as caught:
        pull(settings, SPEC, quiet)
    assert "resumes" in caught.value.hint
    assert staged(settings) == [70_000]
    hub.cuts.clear()
    pulled = pull(settings, SPEC, quiet)
    assert hub.list_downloads()[-1] == "bytes=70000-"
    assert files.hash_file(pulled.path) == hub.hash_file(NAME)


def test_ctrl_c_keeps_what_has_come(settings: Settings, hub: Hub) -> None:
    def interrupt(stage: str, done: int, _total: int) -> None:
        if stage == "pull" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(settings, SPEC, interrupt)
    assert ModelStore(settings).list() == ()
    pull(settings, SPEC, quiet)


def test_a_pull_that_was_killed_is_resumed(settings: Settings, hub: Hub) -> None:
    hub.cuts, hub.stalls = [70_000], True
    script = (
        "import sys; from edge.models import hub; hub.BLOCK = 1000; "
        "from edge.cli.main import run; sys.exit(run(['model', 'pull', sys.argv[1]]))"
    )
    environ = {**os.environ, "EDGE_HOME": str(settings.home), "EDGE_HUB": hub.address}
    with subprocess.Popen(
        [sys.executable, "-c", script, SPEC], env=environ, stderr=subprocess.PIPE
    ) as process:
        assert hub.stalled.wait(60)
        process.kill()
    hub.go_on.set()
    (have,) = staged(settings)
    pull(settings, SPEC, quiet)
    assert hub.list_downloads()[-1] == (f"bytes={have}-" if have else "")
    assert "hf_xet" not in sys.modules  # what is resumed and hashed comes over plain HTTP


def test_a_server_without_ranges_begins_again(settings: Settings, hub: Hub) -> None:
    hub.cuts, hub.ranges = [70_000], False
    assert files.hash_file(pull(settings, SPEC, quiet).path) == hub.hash_file(NAME)


def test_what_was_resumed_wrongly_is_got_anew(settings: Settings, hub: Hub) -> None:
    place = settings.models_dir / FOLDER / hub.hash_file(NAME)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    pulled = pull(settings, SPEC, quiet)
    assert hub.list_downloads() == ["bytes=14-", ""]
    assert files.hash_file(pulled.path) == hub.hash_file(NAME)


def test_a_redirect_is_followed_without_the_token(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.redirects = True
    pull(settings, SPEC, quiet)
    elsewhere = [headers for _, path, headers in hub.requests if path.startswith("/cdn/")]
    assert elsewhere
    assert all("authorization" not in headers for headers in elsewhere)
    assert any(headers.get("authorization") == "Bearer hf_secret" for _, _, headers in hub.requests)


def test_a_wrong_hash_is_refused_and_nothing_is_kept(settings: Settings, hub: Hub) -> None:
    data = bytearray(hub.files[NAME])
    data[-1] ^= 1
    hub.sent[NAME] = bytes(data)
    with pytest.raises(CarrierError, match="SHA-256 is another"):
        pull(settings, SPEC, quiet)
    assert staged(settings) == []
    assert ModelStore(settings).list() == ()


@pytest.mark.parametrize("size", [100, 10**6])
def test_a_wrong_size_is_refused(settings: Settings, hub: Hub, size: int) -> None:
    hub.sent[NAME] = hub.files[NAME][:size].ljust(size, b"\0")
    with pytest.raises(CarrierError, match="not of the promised size"):
        pull(settings, SPEC, quiet)
    assert ModelStore(settings).list() == ()
    del hub.sent[NAME]
    pull(settings, SPEC, quiet)


def test_a_hub_that_gives_no_hash_is_not_believed(settings: Settings, hub: Hub) -> None:
    hub.without_lfs = True
    with pytest.raises(CarrierError, match="gives no SHA-256"):
        pull(settings, SPEC, quiet)


def test_what_is_no_model_is_refused_after_the_download(settings: Settings, hub: Hub) -> None:
    hub.files = {NAME: b"GGUF" + bytes(1000)}
    with pytest.raises(ModelError):
        pull(settings, SPEC, quiet)
    assert ModelStore(settings).list() == ()


def test_several_files_are_listed(settings: Settings, hub: Hub) -> None:
    hub.files["chain-Q4_K_M.gguf"] = hub.files[NAME]
    with pytest.raises(UsageError) as caught:
        pull(settings, "owner/model-GGUF", quiet)
    assert NAME in caught.value.hint
    assert "chain-Q4_K_M.gguf" in caught.value.hint
    assert pull(settings, "owner/model-GGUF:q4_k_m", quiet).name == "chain-Q4_K_M"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("owner/model-GGUF/missing.gguf", "has no missing.gguf"),
        ("owner/model-GGUF:Q2_K", "has no Q2_K"),
        ("owner/model-GGUF@v9", "no such file or revision"),
        ("owner/another", "There is no repository owner/another"),
    ],
)
def test_what_is_not_there_is_named(settings: Settings, spec: str, words: str) -> None:
    with pytest.raises(NotFoundError, match=words) as caught:
        pull(settings, spec, quiet)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        ((401, "RepoNotFound"), NotFoundError, "or it is private"),
        ((401, "GatedRepo"), CarrierError, "accepted its terms"),
        ((403, "GatedRepo"), CarrierError, "accepted its terms"),
        ((403, ""), CarrierError, "does not give"),
        ((500, ""), CarrierError, "HTTP 500"),
        ((429, ""), CarrierError, "no more requests"),
    ],
)
def test_a_refusal_says_why(
    settings: Settings, hub: Hub, refusal: tuple[int, str], error: type[EdgeError], words: str
) -> None:
    hub.refuse = refusal
    with pytest.raises(error, match=words) as caught:
        pull(settings, SPEC, quiet)
    assert caught.value.hint


def test_no_network_is_said(settings: Settings) -> None:
    with pytest.raises(CarrierError, match="cannot be reached") as caught:
        pull(replace(settings, hub="http://127.0.0.1:9"), SPEC, quiet)
    assert "resumes" in caught.value.hint


def test_a_full_disk_is_seen_beforehand(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_folder: Path, needed: int, what: str, hint: str) -> None:
        raise StorageError(f"{what} {needed}", hint)

    monkeypatch.setattr(files, "check_space", check)
    with pytest.raises(StorageError, match=f"{NAME} {len(hub.files[NAME])}"):
        pull(settings, SPEC, quiet)
    assert hub.list_downloads() == []


def test_two_pulls_do_not_write_one_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.0)
    (settings.models_dir / FOLDER).mkdir(parents=True)
    lock = settings.models_dir / FOLDER / ".lock"
    with files.hold_lock(lock, "testing"), pytest.raises(BusyError):
        pull(settings, SPEC, quiet)


def test_pulling_again_downloads_nothing(settings: Settings, hub: Hub) -> None:
    first = pull(settings, SPEC, quiet)
    hub.requests.clear()
    assert pull(settings, SPEC, quiet) == first
    assert hub.list_downloads() == []


def test_a_damaged_model_is_mended(settings: Settings, hub: Hub) -> None:
    pulled = pull(settings, SPEC, quiet)
    data = bytearray(pulled.path.read_bytes())
    data[-1] ^= 1
    pulled.path.write_bytes(data)
    pull(settings, SPEC, quiet)
    assert files.hash_file(pulled.path) == hub.hash_file(NAME)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hf:a/b/c.gguf", ("a/b", "c.gguf", "", "main")),
        ("a/b", ("a/b", "", "", "main")),
        ("a/b:Q4_K_M", ("a/b", "", "Q4_K_M", "main")),
        ("hf:a/b/d/c.gguf@abc", ("a/b", "d/c.gguf", "", "abc")),
    ],
)
def test_specs(text: str, parts: tuple[str, str, str, str]) -> None:
    spec = parse_spec(text)
    assert (spec.repository, spec.path, spec.choice, spec.revision) == parts


@pytest.mark.parametrize(
    "text", ["", "a", "a/b/c", "a/../b.gguf", "https://host/a/b", "a/b:", "a/b@", "/a/b", "-a/b"]
)
def test_what_is_no_spec(text: str) -> None:
    with pytest.raises(UsageError):
        parse_spec(text)


@given(st.text())
def test_any_text_is_a_spec_or_none(text: str) -> None:
    with suppress(UsageError):
        spec = parse_spec(text)
        assert len(spec.repository.split("/")) == 2
        assert ".." not in f"{spec.repository} {spec.path} {spec.choice} {spec.revision}"


@given(
    st.dictionaries(st.text(min_size=1).map(lambda name: f"{name}.gguf"), st.integers(0, 10**12)), st.text()
)
def test_a_choice_is_one_of_the_files(files: dict[str, int], choice: str) -> None:
    with suppress(UsageError, NotFoundError):
        assert choose(Spec("a/b", choice=choice), files) in files


def test_a_disk_that_fails_at_the_end_loses_nothing(
    settings: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything has come, and giving it its name fails: the next attempt downloads nothing again."""

    def fail(_partial: Path, _path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace", fail)
        with pytest.raises(StorageError, match="full"):
            pull(settings, SPEC, quiet)
    assert ModelStore(settings).list() == ()
    hub.requests.clear()
    assert pull(settings, SPEC, quiet).active
    assert hub.list_downloads() == []


def test_a_quantisation_is_a_whole_word() -> None:
    sizes = {"m-Q4_K_M.gguf": 1, "m-Q4_K_S.gguf": 1, "m-Q4_K.gguf": 1, "m-IQ4_XS.gguf": 1, "x/m-Q4_0.gguf": 1}
    assert choose(parse_spec("a/b:Q4_K"), sizes) == "m-Q4_K.gguf"
    assert choose(parse_spec("a/b:q4_0"), sizes) == "x/m-Q4_0.gguf"


def test_a_model_in_parts_is_not_pulled() -> None:
    with pytest.raises(NotFoundError) as caught:
        choose(parse_spec("a/b"), {"m-00001-of-00002.gguf": 1, "m-00002-of-00002.gguf": 1})
    assert "parts" in caught.value.hint
