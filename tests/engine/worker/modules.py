"""Back ends of llama.cpp made for tests: small modules in C that a real worker loads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_CARD = r"""
#include <stddef.h>
static const char *name(void *x) { return "CUDA0"; }
static const char *what(void *x) { return "Stand-in card"; }
static void memory(void *x, size_t *free, size_t *total) { *free = 7000000000; *total = 8000000000; }
static int kind(void *x) { return 1; }
static struct { void *calls[15]; void *owner, *context; } card = { { name, what, memory, kind } };
static const char *back_end(void *x) { return "CUDA"; }
static size_t count(void *x) { return 1; }
static void *get(void *x, size_t n) { return &card; }
static struct { int version; void *calls[4]; void *context; } owner = { 2, { back_end, count, get } };
void *ggml_backend_init(void) { card.owner = &owner; return &owner; }
"""
"""Offers a GPU (ggml-backend-impl.h: ggml_backend_reg, ggml_backend_device), and computes nothing."""

_LOUD = r"""
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) { write(2, "intruder\n", 9); }
int ggml_backend_score(void) { return 1 << 30; }
void *ggml_backend_init(void) { return 0; }
"""
"""Says so when it is loaded, and would be the best of all."""

_DEADLY = r"""
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) { abort(); }
"""

SOURCES = {"card": _CARD, "loud": _LOUD, "deadly": _DEADLY}


def compile_module(file: Path, kind: str, needs: str = "") -> Path:
    """Compile one of the SOURCES; ``needs`` is a library it asks for, which is nowhere."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(file)]
    if needs:
        missing = file.parent / needs
        subprocess.run([*command[:-1], str(missing), f"-Wl,-soname,{needs}"], input="", text=True, check=True)
        command += ["-x", "none", "-Wl,--no-as-needed", str(missing)]
    subprocess.run(command, input=SOURCES[kind], text=True, check=True)
    if needs:
        missing.unlink()
    return file
