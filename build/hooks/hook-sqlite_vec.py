"""vec0.so is loaded by SQLite, not by Python."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("sqlite_vec", search_patterns=["*.so"])
