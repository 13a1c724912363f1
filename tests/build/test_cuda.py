"""The recipe of the CUDA back end: what it finds, what it asks CMake for, what it says when something is missing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import cuda
from fetch import SetupError


def nvcc(path: Path, release: str) -> Path:
    """Return a compiler that only says which CUDA it belongs to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.88'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_compiler_that_is_named_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = nvcc(tmp_path / "nvcc", "13.0")
    monkeypatch.setenv("CUDACXX", str(compiler))
    assert cuda.find_nvcc() == compiler.resolve()


def test_the_version_is_read(tmp_path: Path) -> None:
    assert cuda.read_cuda_version(nvcc(tmp_path / "nvcc", "12.6")) == (12, 6)


@pytest.mark.parametrize(("release", "words"), [("11.8", "too old"), ("x", "does not say")])
def test_what_cannot_be_used_is_said(tmp_path: Path, release: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        cuda.read_cuda_version(nvcc(tmp_path / "nvcc", release))


@pytest.mark.parametrize(
    ("text", "architecture"),
    [("# R36 (release), REVISION: 4.3", "87-real"), ("# R38 (release), REVISION: 2.0", "110-real")],
)
def test_a_jetson_is_built_for(tmp_path: Path, text: str, architecture: str) -> None:
    release = tmp_path / "nv_tegra_release"
    release.write_text(text)
    assert cuda.choose_architectures(release) == architecture


def test_another_machine_is_left_to_llama_cpp(tmp_path: Path) -> None:
    assert cuda.choose_architectures(tmp_path / "none") == ""


def test_an_unknown_jetson_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "release").write_text("# R99 (release)")
    with pytest.raises(SetupError, match="--arch"):
        cuda.choose_architectures(tmp_path / "release")


def test_flags(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    for name in ("libcublas.so.13", "libcublasLt.so.13"):
        (tmp_path / "lib" / name).touch()
    flags = cuda.make_cuda_flags(Path("/nvcc"), "86-real,89-real", tmp_path, tmp_path / "libcuda.so")
    assert "-DGGML_BACKEND_DL=ON" in flags
    assert "-DCMAKE_CUDA_ARCHITECTURES=86-real;89-real" in flags
    assert f"-DCUDA_cublas_LIBRARY={tmp_path}/lib/libcublas.so.13" in flags
    assert f"-DCUDA_cublasLt_LIBRARY={tmp_path}/lib/libcublasLt.so.13" in flags
    assert f"-DCUDA_cuda_driver_LIBRARY={tmp_path}/libcuda.so" in flags
    (linked,) = [flag for flag in flags if "MODULE_LINKER" in flag]
    assert "-static-libstdc++" in linked  # the one-file program's own is older
    assert not [
        flag for flag in cuda.make_cuda_flags(Path("/nvcc"), "", None, None) if "ARCHITECTURES" in flag
    ]


def test_cublas_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no libcublas\.so"):
        cuda.make_cuda_flags(Path("/nvcc"), "", tmp_path, None)


def test_the_toolkits_own_stub_is_used(tmp_path: Path) -> None:
    stub = tmp_path / "targets/aarch64-linux/lib/stubs/libcuda.so"
    stub.parent.mkdir(parents=True)
    stub.touch()
    assert cuda.find_driver_library(tmp_path / "bin/nvcc", tmp_path) is None


@pytest.mark.skipif(not any(Path(p, "cc").exists() for p in os.get_exec_path()), reason="no C compiler")
def test_a_stand_in_for_the_driver_is_made(tmp_path: Path) -> None:
    stub = cuda.find_driver_library(tmp_path / "bin/nvcc", tmp_path)
    assert stub is not None
    assert b"libcuda.so.1" in stub.read_bytes()
