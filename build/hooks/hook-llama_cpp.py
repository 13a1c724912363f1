"""The low-level binding and every library in its lib folder, also those that are only opened by name at run time."""

from PyInstaller.utils.hooks import collect_dynamic_libs, copy_metadata

hiddenimports = ["llama_cpp.llama_cpp"]
binaries = collect_dynamic_libs("llama_cpp", search_patterns=["*.so", "*.so.*"])
datas = copy_metadata("llama-cpp-python")  # its version is asked for
