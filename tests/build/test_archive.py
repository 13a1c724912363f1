"""The archive: a list, then frames that are made of whole files; the same bytes for the same folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import zstandard

import archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of three kinds, and links."""
    folder = tmp_path / "frozen"
    (folder / "lib").mkdir(parents=True)
    (folder / "edge").write_bytes(b"#!/bin/sh\n")
    (folder / "edge").chmod(0o755)
    (folder / "lib" / "liba.so").write_bytes(bytes(range(256)) * 40)
    (folder / "lib" / "empty").touch()
    (folder / "liba.so").symlink_to("lib/liba.so")
    (folder / "liba.so.1").symlink_to("lib/liba.so")
    return folder


def decompressed(packed: Path) -> list[bytes]:
    """Return the frames of an archive."""
    data, found = packed.read_bytes(), []
    while data:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        found.append(frame.decompress(data))
        data = frame.unused_data
    return found


def test_the_list_says_what_the_frames_hold(folder: Path, tmp_path: Path) -> None:
    text, *frames = decompressed(archive.pack_folder(folder, tmp_path))
    data = b"".join(frames)
    for line in text.decode().splitlines():
        if line.startswith("frame "):
            continue
        mode, size, sha256, name = line.split(" ", 3)
        content, data = data[: int(size)], data[int(size) :]
        assert content == (folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
        assert mode == ("100755" if name == "edge" else "100644")
    assert data == b""


def test_links_are_left_out_and_become_copies_under_another_name(folder: Path) -> None:
    names = [file.line.split()[-1] for file in archive.read_files(folder)]
    assert names == ["edge", "lib/empty", "lib/liba.so", "liba.so.1"]


def test_a_large_folder_is_divided_between_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "FRAME", 10_000)
    for number in range(5):
        (folder / f"part{number}").write_bytes(os.urandom(6_000))
    text, *frames = decompressed(archive.pack_folder(folder, tmp_path))
    sizes = [int(line.split()[1]) for line in text.decode().splitlines() if line.startswith("frame ")]
    assert len(frames) == len(sizes) == 5
    assert [len(frame) for frame in frames] == [10_250, 10_240, 12_000, 12_000, 6_000]


def test_the_same_folder_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first = archive.pack_folder(folder, tmp_path).read_bytes()
    (tmp_path / "again").mkdir()
    assert archive.pack_folder(folder, tmp_path / "again").read_bytes() == first
