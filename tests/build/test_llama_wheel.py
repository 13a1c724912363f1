from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import llama_wheel
from fetch import Pin, SetupError
from sysroot import Toolchain

PIN = Pin(Path("pin.txt"), "llama-cpp-python", "0.3.36", "00" * 32)
V3 = ["sse4_2", "avx", "avx2", "fma", "f16c", "bmi2"]


class TestFlags:
    def test_every_x86_64_v3_feature_is_on_where_the_processor_has_them(self) -> None:
        flags = llama_wheel.choose_cpu_flags("x86_64", ["fpu", *V3, "avx512f"])
        assert len(flags) == 6
        assert all(flag.endswith("=ON") for flag in flags)

    def test_an_older_processor_switches_off_what_it_lacks(self) -> None:
        flags = llama_wheel.choose_cpu_flags("x86_64", ["sse4_2", "avx"])
        assert flags[:3] == ["-DGGML_SSE42=ON", "-DGGML_AVX=ON", "-DGGML_AVX2=OFF"]

    def test_another_family_keeps_the_portable_defaults(self) -> None:
        assert llama_wheel.choose_cpu_flags("aarch64", ["asimd"]) == []

    def test_nothing_is_tuned_for_the_machine_that_builds(self) -> None:
        assert "-DGGML_NATIVE=OFF" in llama_wheel.FLAGS


class TestRecipes:
    def test_for_development_is_for_any_common_processor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CMAKE_ARGS", "-DGGML_LTO=ON")
        recipe = llama_wheel.make_development_recipe()
        assert recipe.flags[-1] == "-DGGML_LTO=ON"
        assert not set(llama_wheel.VARIANTS) & set(recipe.flags)

    def test_for_the_program_is_for_every_processor_whatever_the_environment_says(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CMAKE_ARGS", "-DGGML_LTO=ON")
        monkeypatch.setenv("CFLAGS", "-march=native")
        recipe = llama_wheel.make_program_recipe(Toolchain("key", tmp_path))
        assert recipe.flags == [*llama_wheel.FLAGS, *llama_wheel.VARIANTS]
        assert "CFLAGS" not in recipe.environment
        assert (recipe.toolchain, recipe.openmp) == (["key"], Toolchain("key", tmp_path).openmp)


class TestCacheKey:
    KEY = llama_wheel.make_cache_key(PIN, ["-DA=ON"], ["g++ 12"])

    def test_is_stable(self) -> None:
        assert llama_wheel.make_cache_key(PIN, ["-DA=ON"], ["g++ 12"]) == self.KEY

    @pytest.mark.parametrize(
        ("version", "sha256", "flags", "toolchain"),
        [
            ("0.3.37", PIN.sha256, ["-DA=ON"], ["g++ 12"]),
            (PIN.version, "11" * 32, ["-DA=ON"], ["g++ 12"]),
            (PIN.version, PIN.sha256, ["-DA=OFF"], ["g++ 12"]),
            (PIN.version, PIN.sha256, ["-DA=ON"], ["g++ 13"]),
        ],
    )
    def test_changes_with_all_that_shapes_the_libraries(
        self, version: str, sha256: str, flags: list[str], toolchain: list[str]
    ) -> None:
        assert (
            llama_wheel.make_cache_key(Pin(PIN.file, PIN.name, version, sha256), flags, toolchain) != self.KEY
        )

    def test_changes_with_the_effort_of_the_compiler(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        effort = tmp_path / "llama.cmake"
        effort.write_text("message(nothing)")
        monkeypatch.setattr(llama_wheel, "LESS_EFFORT", effort)
        assert llama_wheel.make_cache_key(PIN, ["-DA=ON"], ["g++ 12"]) != self.KEY


class TestCompiler:
    def test_is_the_one_that_CXX_names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        compiler = tmp_path / "my-c++"
        compiler.write_text("#!/bin/sh\necho my compiler 1.0\necho more\n")
        compiler.chmod(0o755)
        monkeypatch.setenv("CXX", f"{compiler} -pipe")
        assert llama_wheel.describe_compiler() == "my compiler 1.0"

    def test_missing_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CXX", raising=False)
        with pytest.raises(SetupError, match=r"apt-get install g\+\+"):
            llama_wheel.describe_compiler()

    def test_missing_ends_the_script_with_that_message_alone(self, tmp_path: Path) -> None:
        environ = {**os.environ, "PATH": str(tmp_path), "EDGE_BUILD_CACHE": str(tmp_path), "CXX": ""}
        done = subprocess.run(
            [sys.executable, llama_wheel.__file__], env=environ, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("llama_wheel.py: no C++ compiler was found")
        assert "Traceback" not in done.stderr


def test_what_older_compilers_do_not_compile_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "ggml" / "src" / "CMakeLists.txt"
    file.parent.mkdir(parents=True)
    kept = "    ggml_add_cpu_backend_variant(armv8.6_2    DOTPROD SVE2)\n"
    file.write_text(f"{kept}    ggml_add_cpu_backend_variant(armv9.2_2    DOTPROD SVE2 SME)\n")
    llama_wheel.drop_sme(tmp_path)
    assert file.read_text() == kept


def test_progress_is_told_once_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["-- configuring\n", *(f"[{n}/40] Building\n" for n in range(1, 41))]
    assert list(llama_wheel.report_progress(lines)) == lines
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 10
    assert told[0].split() == ["llama.cpp:", "10", "%", "(4", "of", "40)"]


class TestWheel:
    MEMBERS = {  # noqa: RUF012
        "edge_probe/__init__.py": b"answer = 42\n",
        "edge_probe/lib/libprobe.so": b"\x7fELF",
        "edge_probe-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: edge_probe\nVersion: 1\n",
        "edge_probe-1.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
    }
    RECORD = "edge_probe-1.dist-info/RECORD"

    def test_has_the_same_bytes_whenever_it_is_written(self, tmp_path: Path) -> None:
        first, second = tmp_path / "1.whl", tmp_path / "2.whl"
        llama_wheel.write_wheel(first, self.MEMBERS, self.RECORD)
        llama_wheel.write_wheel(second, dict(reversed(self.MEMBERS.items())), self.RECORD)
        assert first.read_bytes() == second.read_bytes()

    def test_records_every_member_with_digest_and_size(self, tmp_path: Path) -> None:
        file = tmp_path / "edge_probe-1-py3-none-any.whl"
        llama_wheel.write_wheel(file, self.MEMBERS, self.RECORD)
        with zipfile.ZipFile(file) as archive:
            rows = list(csv.reader(io.StringIO(archive.read(self.RECORD).decode())))
        digests = {name: (digest, size) for name, digest, size in rows}
        assert digests.pop(self.RECORD) == ("", "")
        assert digests == {
            name: (
                "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("="),
                str(len(data)),
            )
            for name, data in self.MEMBERS.items()
        }

    def test_is_one_that_pip_installs(self, tmp_path: Path) -> None:
        file = tmp_path / "edge_probe-1-py3-none-any.whl"
        llama_wheel.write_wheel(file, self.MEMBERS, self.RECORD)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        subprocess.run([*pip, "--target", str(tmp_path / "site"), str(file)], check=True)
        assert (tmp_path / "site" / "edge_probe" / "__init__.py").read_bytes() == b"answer = 42\n"
        assert os.access(tmp_path / "site" / "edge_probe" / "lib" / "libprobe.so", os.X_OK)


class TestInstalled:
    """The llama-cpp-python that set-up put into this environment."""

    FILES = importlib.metadata.files("llama-cpp-python") or []

    def libraries(self) -> dict[str, bytes]:
        return {f.name: Path(str(f.locate())).read_bytes() for f in self.FILES if ".so" in f.name}

    def test_holds_each_library_once(self) -> None:
        names = [f.name for f in self.FILES if ".so" in f.name]
        ours = sorted(name for name in names if "omp" not in name)
        assert ours == ["libggml-base.so", "libggml-cpu.so", "libggml.so", "libllama.so"]
        assert {f.parts[0] for f in self.FILES} <= {"llama_cpp", "llama_cpp_python-0.3.36.dist-info"}

    def test_names_no_folder_of_the_build(self) -> None:
        for name, data in self.libraries().items():
            assert b"/vendor/llama.cpp/src" not in data.replace(b"./vendor/llama.cpp/src", b""), name

    def test_brings_every_library_beyond_the_c_plus_plus_runtime(self) -> None:
        """What the process has mapped after loading it, by folder."""
        probe = "import llama_cpp; print(open('/proc/self/maps').read())"
        environ = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        done = subprocess.run(
            [sys.executable, "-c", probe], env=environ, capture_output=True, text=True, check=True
        )
        mapped = {Path(match) for match in re.findall(r"/\S*lib\S*omp\S*\.so\S*|/\S*libggml\S*", done.stdout)}
        assert len(mapped) >= 4
        assert {path.parent.parts[-2:] for path in mapped} == {("llama_cpp", "lib")}

    def test_loads_and_uses_the_processor(self) -> None:
        import llama_cpp

        info = llama_cpp.llama_print_system_info().decode()
        assert "OPENMP = 1" in info
        if set(V3) <= set(llama_wheel.read_cpu_features()):
            assert "AVX2 = 1" in info
            assert "FMA = 1" in info
