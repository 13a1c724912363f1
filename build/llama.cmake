# Read by CMake at llama.cpp's project(). What computes (ggml-cpu, quantisation) keeps its optimisation; the rest, which
# prepares the work, is compiled with less, and its headers are read once. llama_wheel.py says what that gives and costs.

function(compile_with_less_effort)
    set(source ${CMAKE_SOURCE_DIR})
    foreach(target llama ggml ggml-base)
        target_compile_options(${target} PRIVATE -O1)
    endforeach()
    target_precompile_headers(llama PRIVATE
        <algorithm> <cstring> <fstream> <functional> <map> <regex> <sstream> <unordered_map>
        ${source}/src/models/models.h ${source}/src/llama-context.h)
    set_source_files_properties(${source}/src/llama-grammar.cpp TARGET_DIRECTORY llama
        PROPERTIES COMPILE_OPTIONS -O3 SKIP_PRECOMPILE_HEADERS ON)
    set_source_files_properties(${source}/ggml/src/ggml-quants.c TARGET_DIRECTORY ggml-base
        PROPERTIES COMPILE_OPTIONS -O3)
endfunction()

cmake_language(DEFER CALL compile_with_less_effort)
