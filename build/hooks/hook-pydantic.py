"""Pydantic imports its modules by name; version 1 within it is not used."""

from PyInstaller.utils.hooks import collect_submodules

UNUSED = ("pydantic.v1", "pydantic.mypy", "pydantic.deprecated")
hiddenimports = collect_submodules("pydantic", filter=lambda name: not name.startswith(UNUSED))
