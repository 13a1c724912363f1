from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import debian
from debian import ArchiveFile
from fetch import SetupError

CONTENT = b"a package"
FILE = ArchiveFile("pool/main/p/pump/pump_1.0-2_amd64.deb", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGE_BUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mirror with one file."""
    folder = tmp_path / "mirror"
    (folder / FILE.path).parent.mkdir(parents=True)
    (folder / FILE.path).write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("EDGE_DEBIAN_MIRROR", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class TestFetched:
    def test_is_downloaded_once(self, archive: Path, cache: Path) -> None:
        found = debian.fetch_file(FILE)
        assert found.read_bytes() == CONTENT
        (archive / FILE.path).unlink()
        assert debian.fetch_file(FILE) == found

    def test_another_file_under_its_name_is_refused_and_not_kept(self, archive: Path, cache: Path) -> None:
        (archive / FILE.path).write_bytes(b"another")
        with pytest.raises(SetupError, match="not the file that is pinned"):
            debian.fetch_file(FILE)
        assert list((cache / "downloads").iterdir()) == []

    def test_a_version_that_the_mirror_has_dropped_is_said_so(self, archive: Path, cache: Path) -> None:
        (archive / FILE.path).unlink()
        with pytest.raises(
            SetupError, match=r"pump_1.0-2_amd64.deb is gone.*\n.*EDGE_DEBIAN_MIRROR.*snapshot"
        ):
            debian.fetch_file(FILE)

    def test_a_mirror_that_does_not_answer_is_said_so(
        self, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EDGE_DEBIAN_MIRROR", "http://127.0.0.1:9/debian")
        with pytest.raises(SetupError, match="Check the network"):
            debian.fetch_file(FILE)


class TestMirror:
    @pytest.fixture(autouse=True)
    def unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("EDGE_DEBIAN_MIRROR", raising=False)

    @pytest.fixture
    def sources(self, tmp_path: Path) -> Path:
        (tmp_path / "sources.list.d").mkdir()
        return tmp_path

    def test_is_the_one_that_the_variable_names(self, monkeypatch: pytest.MonkeyPatch, sources: Path) -> None:
        monkeypatch.setenv("EDGE_DEBIAN_MIRROR", "http://mirror.example/debian/")
        assert debian.choose_mirror(sources) == "http://mirror.example/debian"

    def test_is_the_first_of_the_stanzas(self, sources: Path) -> None:
        (sources / "sources.list.d" / "a.sources").write_text(
            "Types: deb\n# a remark\nURIs: http://other.example/tools\nSuites: x\nComponents: main\n\n"
            "Types: deb\nURIs: http://off.example/debian\nSuites: x\nComponents: main\nEnabled: no\n\n"
            "Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm\nComponents: main contrib\n"
        )
        assert debian.choose_mirror(sources) == "http://mirror.example/debian"

    def test_is_the_first_of_the_lines(self, sources: Path) -> None:
        (sources / "sources.list").write_text(
            "# deb http://old.example/debian bookworm main\n"
            "deb http://other.example/debian bookworm contrib\n"
            "deb [signed-by=/key arch=amd64] http://mirror.example/debian bookworm main\n"
        )
        assert debian.choose_mirror(sources) == "http://mirror.example/debian"

    def test_may_be_a_dated_snapshot(self, sources: Path) -> None:
        address = "http://snapshot.example/archive/debian/20260801T000000Z"
        (sources / "sources.list").write_text(f"deb {address} bookworm main\n")
        assert debian.choose_mirror(sources) == address

    def test_is_none_on_another_system(self, sources: Path) -> None:
        (sources / "sources.list").write_text("deb http://mirror.example/ubuntu noble main universe\n")
        with pytest.raises(SetupError, match="EDGE_DEBIAN_MIRROR"):
            debian.choose_mirror(sources)


class TestPins:
    def test_are_of_the_pool_and_hashed(self) -> None:
        for pin in debian.find_pins("*"):
            assert pin.path.startswith("pool/main/")
            assert len(bytes.fromhex(pin.sha256)) == 32

    def test_name_no_host(self) -> None:
        assert "://" not in debian.PINS.read_text()

    def test_tell_package_and_version(self) -> None:
        assert (FILE.package, FILE.version) == ("pump", "1.0-2")
        assert debian.find_pin("openssl_*").version == "3.5.7"
        assert debian.find_pin("libstdc++6_*").version == "10.2.1-6"
