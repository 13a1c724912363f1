# Read by CMake at llama.cpp's project(): what to compile with less effort. llama_wheel.py says why.
function(compile_with_less_effort)
    foreach(target llama ggml ggml-base)
        target_compile_options(${target} PRIVATE -O1)
    endforeach()
    set_source_files_properties(
        ${CMAKE_SOURCE_DIR}/ggml/src/ggml-quants.c
        TARGET_DIRECTORY ggml-base PROPERTIES COMPILE_OPTIONS -O3)
    target_precompile_headers(llama PRIVATE
        <algorithm> <cinttypes> <cmath> <cstring> <fstream> <functional> <map> <regex> <set> <sstream> <unordered_map>
        ${CMAKE_SOURCE_DIR}/src/models/models.h
        ${CMAKE_SOURCE_DIR}/src/llama-context.h)
endfunction()

cmake_language(DEFER CALL compile_with_less_effort)
