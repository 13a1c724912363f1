"""All of edge: modules that are imported by name (readers, worker, engines) and the files beside them."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = [*collect_submodules("edge"), "sqlite_vec"]
if find_spec("libtorrent"):
    hiddenimports.append("libtorrent")
datas = collect_data_files("edge", excludes=["**/.*", "**/.*/**", "server/page/source/**"])
