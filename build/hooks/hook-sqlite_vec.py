"""vec0.so is loaded by SQLite, not by Python. Its package is looked for, not imported."""

from PyInstaller.utils.hooks import collect_dynamic_libs, copy_metadata

binaries = collect_dynamic_libs("sqlite_vec", search_patterns=["*.so"])
datas = copy_metadata("sqlite-vec")  # its version is asked for
