from __future__ import annotations

import datetime
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.config import Settings
from edge.errors import CarrierError, NotFoundError, TrustError, UsageError
from edge.sync.carriers.https import HttpsCarrier
from edge.sync.carriers.watch import Watch
from tests.sync import mirror as ways
from tests.sync.mirror import Mirror, serve

FILE = "packs/pumps.kpack"
DATA = os.urandom(300_000)
WINDOW_S = 0.2


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in (("metadata/timestamp.json", b"{}"), (f"targets/{FILE}", DATA)):
        path = tmp_path / "mirror" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return tmp_path / "mirror"


@pytest.fixture
def mirror(folder: Path) -> Iterator[Mirror]:
    with serve(folder) as served:
        yield served


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def open_carrier(stack: ExitStack, address: str, watch: Watch | None = None, **fields: Any) -> HttpsCarrier:
    made = HttpsCarrier(address, Settings(home=Path("home"), **fields), watch)
    stack.callback(made.close)
    return made


def fetch(carrier: HttpsCarrier, start: int = 0) -> bytes:
    return b"".join(carrier.read_payload(FILE, start, len(DATA)))


def exhaust(blocks: Iterator[bytes], into: bytearray) -> None:
    for block in blocks:
        into += block


# Resuming


def test_it_resumes_by_range(mirror: Mirror, stack: ExitStack) -> None:
    assert fetch(open_carrier(stack, mirror.address), 100_000) == DATA[100_000:]
    assert mirror.asked == [(f"/targets/{FILE}", "bytes=100000-")]
    assert mirror.sent == 200_000


def test_a_server_without_ranges_is_read_from_the_start(mirror: Mirror, stack: ExitStack) -> None:
    mirror.ways["pumps"] = ways.serve_without_ranges
    assert fetch(open_carrier(stack, mirror.address), 100_000) == DATA[100_000:]


def test_another_range_than_was_asked_for_is_refused(mirror: Mirror, stack: ExitStack) -> None:
    mirror.ways["pumps"] = ways.serve_another_range
    with pytest.raises(CarrierError, match="another part than was asked for"):
        fetch(open_carrier(stack, mirror.address), 100_000)


def test_a_cut_connection_hands_over_what_came(mirror: Mirror, stack: ExitStack) -> None:
    mirror.ways["pumps"] = ways.cut_after(123_456)
    blocks = open_carrier(stack, mirror.address).read_payload(FILE, 0, len(DATA))
    got = bytearray()
    with pytest.raises(CarrierError, match="broke off") as cut:
        exhaust(blocks, got)
    assert bytes(got) == DATA[:123_456]
    assert "resumes" in cut.value.hint


def test_one_connection_serves_many_requests(mirror: Mirror, stack: ExitStack) -> None:
    opened = open_carrier(stack, mirror.address)
    for _ in range(5):
        opened.read_metadata("timestamp.json", 10)
    assert len(opened._watch._sockets) == 1


# Bounds


def test_a_longer_file_is_refused(mirror: Mirror, stack: ExitStack) -> None:
    mirror.ways["pumps"] = ways.longer
    with pytest.raises(TrustError, match="longer than the 300000 bytes that were signed"):
        fetch(open_carrier(stack, mirror.address))


@pytest.mark.parametrize("way", [ways.trickle, ways.trickle_headers])
@pytest.mark.parametrize("file", ["timestamp", "pumps"])
def test_a_trickle_is_cut_off(
    mirror: Mirror, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, way: ways.Way, file: str
) -> None:
    mirror.ways[file] = way
    (mirror.folder / "metadata/timestamp.json").write_bytes(b" " * 10_000)
    opened = open_carrier(stack, mirror.address, Watch(least_rate=10_000, window_s=WINDOW_S))
    with pytest.raises(CarrierError, match=r"too slow: less than 2000 bytes in 0\.2 s") as slow:
        fetch(opened) if file == "pumps" else opened.read_metadata("timestamp.json", 20_000)
    assert file in slow.value.message
    mirror.ways.clear()
    assert fetch(opened) == DATA


def test_a_slow_line_that_keeps_going_is_no_trickle(mirror: Mirror, stack: ExitStack) -> None:
    """Three windows long, at twice the least rate."""

    def slowly(request: ways.Request) -> None:
        request.send_head()
        for start in range(0, len(DATA), 10_000):
            request.send_body(DATA[start : start + 10_000])
            mirror.closing.wait(0.02)

    mirror.ways["pumps"] = slowly
    assert fetch(open_carrier(stack, mirror.address, Watch(least_rate=200_000, window_s=WINDOW_S))) == DATA


# Answers


@pytest.mark.parametrize("code", [403, 404, 410])
def test_what_is_absent_is_not_found(mirror: Mirror, stack: ExitStack, code: int) -> None:
    mirror.ways["timestamp"] = ways.make_status(code)
    with pytest.raises(NotFoundError, match=f"HTTP {code}"):
        open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10)


@pytest.mark.parametrize("code", [400, 401, 407, 416, 429, 500, 503, 204, 304])
def test_any_other_answer_is_an_error(mirror: Mirror, stack: ExitStack, code: int) -> None:
    mirror.ways["timestamp"] = ways.make_status(code)
    with pytest.raises(CarrierError, match=f"HTTP {code}") as error:
        open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10)
    assert error.value.hint


def test_a_compressed_answer_is_not_unpacked(mirror: Mirror, stack: ExitStack) -> None:
    def compressed(request: ways.Request) -> None:
        request.send_head(Content_Encoding="gzip")
        request.send_body(request.data)

    mirror.ways["pumps"] = compressed
    assert fetch(open_carrier(stack, mirror.address)) == DATA


@pytest.fixture
def nobody() -> str:
    """An address of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_nobody_there_is_told_in_words(nobody: str, stack: ExitStack) -> None:
    with pytest.raises(CarrierError, match="refuses or is out of reach") as error:
        open_carrier(stack, nobody).read_metadata("timestamp.json", 10)
    assert "0x" not in error.value.message
    with pytest.raises(CarrierError, match="no such host"):
        open_carrier(stack, "https://no-such-host.invalid").read_metadata("timestamp.json", 10)


def test_nonsense_for_an_answer_is_an_error(mirror: Mirror, stack: ExitStack) -> None:
    answers = (
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    )
    for nonsense in answers:

        def way(request: ways.Request, nonsense: bytes = nonsense) -> None:
            request.wfile.write(nonsense)
            request.close_connection = True

        mirror.ways["timestamp"] = way
        with pytest.raises(CarrierError) as error:
            open_carrier(stack, mirror.address).read_metadata("timestamp.json", 0)
        assert error.value.hint


# Addresses and redirects


@pytest.mark.parametrize(
    "address",
    ["https://", "https://mirror?x=1", "https://mirror#x", "ftp://mirror", "https://[::1", "http:mirror"],
)
def test_what_is_no_address_is_refused(stack: ExitStack, address: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        open_carrier(stack, address)


def test_plain_http_is_for_loopback_and_hosts_that_are_named(stack: ExitStack) -> None:
    for address in ("http://localhost:1", "http://127.0.0.1", "http://[::1]:80", "https://mirror.example"):
        open_carrier(stack, address)
    for address in ("http://mirror.example", "http://localhost.example", "http://192.168.1.2"):
        with pytest.raises(UsageError, match="without TLS") as refused:
            open_carrier(stack, address)
        assert "http_hosts" in refused.value.hint
    open_carrier(stack, "http://mirror.example", http_hosts="depot.local, mirror.example")


def test_a_redirect_on_the_same_server_is_followed(mirror: Mirror, stack: ExitStack) -> None:
    mirror.ways["/old/"] = ways.redirect(lambda path: path.removeprefix("/old"))
    assert fetch(open_carrier(stack, f"{mirror.address}/old/")) == DATA


def test_a_redirect_to_another_plain_server_is_not(mirror: Mirror, folder: Path, stack: ExitStack) -> None:
    with serve(folder) as other:
        mirror.ways["timestamp"] = ways.redirect(lambda path: other.address + path)
        with pytest.raises(CarrierError, match=r"redirects to http://127\.0\.0\.1:.* which is not https"):
            open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10)
        assert other.asked == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://mirror/x", "//[", "http://"])
def test_a_redirect_to_anything_else_is_not(mirror: Mirror, stack: ExitStack, location: str) -> None:
    mirror.ways["timestamp"] = ways.redirect(lambda path: location)
    with pytest.raises(CarrierError):
        open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10)


def test_a_circle_of_redirects_ends(mirror: Mirror, stack: ExitStack) -> None:
    mirror.ways["timestamp"] = ways.redirect(lambda path: path)
    with pytest.raises(CarrierError, match="circle"):
        open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10)
    assert len(mirror.asked) == 5


def test_credentials_go_to_their_server_and_nowhere_else(mirror: Mirror, stack: ExitStack) -> None:
    seen: list[str | None] = []

    def noting(request: ways.Request) -> None:
        seen.append(request.headers.get("Authorization"))
        ways.serve_well(request)

    mirror.ways["timestamp"] = noting
    opened = open_carrier(stack, mirror.address.replace("://", "://anna:secret@"))
    opened.read_metadata("timestamp.json", 10)
    assert seen == ["Basic YW5uYTpzZWNyZXQ="]
    assert "secret" not in opened.name
    mirror.ways["timestamp"] = ways.make_status(500)
    with pytest.raises(CarrierError) as error:
        opened.read_metadata("timestamp.json", 10)
    assert "secret" not in error.value.message


# Proxies


@pytest.mark.parametrize("how", ["setting", "environment", "everything", "without scheme"])
def test_a_proxy_is_asked_where_there_is_one(
    mirror: Mirror, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    fields = {"http_hosts": "mirror.invalid"}
    if how == "setting":
        fields["proxy"] = mirror.address
    elif how == "without scheme":
        fields["proxy"] = mirror.address.removeprefix("http://")
    else:
        monkeypatch.setenv("http_proxy" if how == "environment" else "all_proxy", mirror.address)
    opened = open_carrier(stack, "http://mirror.invalid/edge", **fields)
    mirror.ways["/edge/metadata/timestamp.json"] = ways.make_status(200)
    opened.read_metadata("timestamp.json", 10)
    assert mirror.asked == [("http://mirror.invalid/edge/metadata/timestamp.json", None)]


def test_no_proxy_is_asked_for_what_needs_none(
    mirror: Mirror, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:1")
    assert open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10) == b"{}"
    for fields, variables in (({"proxy": "none"}, {}), ({}, {"no_proxy": "mirror.invalid"})):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        opened = open_carrier(stack, "http://mirror.invalid", http_hosts="mirror.invalid", **fields)
        with pytest.raises(CarrierError, match="no such host"):
            opened.read_metadata("timestamp.json", 10)


def test_a_proxy_that_fails_is_told_from_a_mirror_that_does(
    nobody: str, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_carrier(stack, "https://mirror.invalid", proxy=nobody)
    with pytest.raises(CarrierError, match="proxy") as error:
        opened.read_metadata("timestamp.json", 10)
    assert "HTTPS_PROXY" in error.value.hint
    with pytest.raises(UsageError, match="proxy"):
        open_carrier(stack, "https://mirror.invalid", proxy="socks5://host:1").read_metadata(
            "timestamp.json", 10
        )


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate that signs itself, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mirror")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mirror.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(folder: Path, certificate: Path) -> Iterator[Mirror]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve(folder, context) as served:
        yield served


def test_a_certificate_must_be_trusted(
    secure: Mirror, certificate: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CarrierError, match="certificate is not one this device trusts") as error:
        open_carrier(stack, secure.address).read_metadata("timestamp.json", 10)
    assert "clock" in error.value.hint
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch(open_carrier(stack, secure.address)) == DATA


def test_a_redirect_never_leaves_tls(
    secure: Mirror, mirror: Mirror, certificate: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.ways["timestamp"] = ways.redirect(lambda path: mirror.address + path)
    with pytest.raises(CarrierError, match="not https"):
        open_carrier(stack, secure.address).read_metadata("timestamp.json", 10)
    assert mirror.asked == []
    mirror.ways["timestamp"] = ways.redirect(lambda path: secure.address + path)
    secure.ways.clear()
    assert open_carrier(stack, mirror.address).read_metadata("timestamp.json", 10) == b"{}"
