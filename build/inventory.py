"""What is inside the one-file program, with its licences: for ``edge licenses`` and the bill of materials."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

import debian
from contents import find_distributions, normalise_name

DOCUMENTS = Path("usr/share/doc")
SYSTEM = ("/lib/", "/usr/lib/")
RUNTIME = {"libstdc++.so": "libstdc++6", "libgcc_s.so": "libgcc-s1", "libgomp.so": "libgomp1"}
"""The libraries of the compiler's root (sysroot.py), by the beginning of their names, and their packages."""

BUILT = {
    "libssl.so": ("OpenSSL", "openssl", "Apache-2.0"),
    "libcrypto.so": ("OpenSSL", "openssl", "Apache-2.0"),
    "libz.so": ("zlib", "zlib", "Zlib"),
    "libffi.so": ("libffi", "libffi", "MIT"),
}
"""Those that Python was built with (interpreter.py): name, source package, licence."""
RULE = "=" * 100


@dataclass(frozen=True, slots=True)
class Component:
    """One thing inside: a Python distribution, Python, a library that either needs.

    ``licence`` is what its metadata says, maybe nothing; ``texts`` are its licence files.
    """

    name: str
    version: str
    purl: str
    licence: str
    texts: tuple[str, ...]


def find_components(top_level: set[str], libraries: Iterable[Path]) -> list[Component]:
    """Find everything that these modules and shared libraries came from."""
    found = {each for path in libraries if (each := _find_origin(path))} | {_describe_c_library()}
    return [
        *map(_describe_distribution, find_distributions(top_level)),
        _describe_python(),
        *sorted(found, key=lambda each: each.name),
    ]


def join_licences(found: list[Component]) -> str:
    """Join the licences of all components into one text."""
    parts = ["edge contains the following; each is under its own licence.\n"]
    for each in found:
        texts = "\n\n".join(each.texts) or f"Its licence: {each.licence or 'see its home page'}.\n"
        parts.append(f"{RULE}\n{each.name} {each.version}  {each.licence}\n{RULE}\n\n{texts}")
    return "\n".join(parts)


def make_bill_of_materials(found: list[Component], program: Path, version: str) -> dict[str, Any]:
    """Make a CycloneDX document about a finished program."""
    with program.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "edge",
                "name": "edge",
                "version": version,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
        },
        "components": [_describe_component(each) for each in found],
        "dependencies": [{"ref": "edge", "dependsOn": sorted({each.purl for each in found})}],
    }


def write(found: list[Component], file: Path) -> None:
    """Keep a list of components."""
    rows = [[each.name, each.version, each.purl, each.licence, each.texts] for each in found]
    file.write_text(json.dumps(rows), encoding="utf-8")


def read(file: Path) -> list[Component]:
    """Read the list that `write` kept."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [
        Component(name, version, purl, licence, tuple(texts)) for name, version, purl, licence, texts in rows
    ]


def _describe_component(each: Component) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "type": "library",
        "bom-ref": each.purl,
        "name": each.name,
        "version": each.version,
        "purl": each.purl,
    }
    if each.licence:
        facts["licenses"] = [{"license": {"name": each.licence}}]
    return facts


def _describe_distribution(distribution: Distribution) -> Component:
    name, version = distribution.metadata["Name"], distribution.version
    marks = ("licen", "copying", "notice")
    texts = [
        file.locate().read_text(encoding="utf-8", errors="replace")  # type: ignore[attr-defined]
        for file in sorted(distribution.files or [])
        if ".dist-info" in file.parts[0] and any(mark in str(file).lower() for mark in marks)
    ]
    return Component(
        name, version, f"pkg:pypi/{normalise_name(name)}@{version}", _find_licence(distribution), tuple(texts)
    )


def _find_licence(distribution: Distribution) -> str:
    """Return what the metadata says in a line."""
    metadata = distribution.metadata
    for field in ("License-Expression", "License"):
        if field in metadata and (text := metadata[field].strip()) and "\n" not in text:
            return text
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    return ", ".join(line.rpartition(" :: ")[2] for line in classifiers)


def _describe_python() -> Component:
    version = platform.python_version()
    files = Path(sys.base_prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}").glob(
        "LICENSE*"
    )
    texts = tuple(file.read_text(encoding="utf-8") for file in files)
    return Component("Python", version, f"pkg:generic/python@{version}", "PSF-2.0", texts)


def _describe_c_library() -> Component:
    """Describe what the launcher is linked with."""
    if root := os.environ.get("EDGE_SYSROOT"):
        return _describe_debian_package("libc6", debian.find_pin("libc6_*").version, Path(root))
    name, version = platform.libc_ver()
    return Component(name, version, f"pkg:generic/{name}@{version}", "LGPL-2.1-or-later", ())


def _find_origin(library: Path) -> Component | None:
    """Find what a shared library came from; None for one that a Python distribution brought along."""
    name = f"{library.name.partition('.so')[0]}.so"
    root = os.environ.get("EDGE_SYSROOT")
    if root and name in RUNTIME:
        return _describe_debian_package(
            RUNTIME[name], debian.find_pin(f"{RUNTIME[name]}_*").version, Path(root)
        )
    if name in BUILT and library.resolve().is_relative_to(Path(sys.base_prefix).resolve()):
        return _describe_built(*BUILT[name])
    if str(library).startswith(SYSTEM) and (package := _find_package(library)):
        version = _read_output(["dpkg-query", "--show", "--showformat=${Version}", package])
        return _describe_debian_package(package.partition(":")[0], version, Path("/"))
    return None


def _describe_debian_package(name: str, version: str, root: Path) -> Component:
    copyright = root / DOCUMENTS / name / "copyright"
    texts = (copyright.read_text(encoding="utf-8", errors="replace"),) if copyright.exists() else ()
    return Component(name, version, f"pkg:deb/debian/{quote(name)}@{quote(version)}", "", texts)


def _describe_built(name: str, package: str, licence: str) -> Component:
    version = debian.find_pin(f"{package}_*").version.rpartition("really")[2]
    texts = (Path(sys.base_prefix, "licences", package).read_text(encoding="utf-8"),)
    return Component(name, version, f"pkg:generic/{package}@{version}", licence, texts)


def _find_package(library: Path) -> str:
    for path in (library, library.resolve(), Path(str(library.resolve()).removeprefix("/usr"))):
        if found := _read_output(["dpkg-query", "--search", str(path)]):
            return found.partition(": ")[0].partition(",")[0]
    return ""


def _read_output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
