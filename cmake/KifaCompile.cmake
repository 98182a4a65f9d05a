# Compiler settings shared by every target: warnings as errors, sanitizers, ccache.

# A cache that lost its build type (CMake drops it when the compiler changes) must not give a slow kifa.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()

find_program(KIFA_CCACHE ccache)
if(KIFA_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${KIFA_CCACHE}")
  # With a precompiled header ccache stores nothing unless it is told what it may overlook.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${KIFA_CCACHE}")
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>")  # for ccache
endif()
# Lines for backtraces; the types of every variable would double the files and take a fifth of the time.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

set(kifa_warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror)
add_compile_options("$<$<COMPILE_LANGUAGE:C>:${kifa_warnings}>")
add_compile_options(
  "$<$<COMPILE_LANGUAGE:CXX>:${kifa_warnings};-Wnon-virtual-dtor;-Wold-style-cast>"
  "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wthread-safety>")

if(KIFA_SANITIZE)
  add_compile_options(-fsanitize=${KIFA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KIFA_SANITIZE})
endif()

# kifa_add_library(name SOURCES ... [PUBLIC targets...] [PRIVATE targets...])
#
# A static library of one folder of core/; includes are written from the root of the repository.
function(kifa_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  target_precompile_headers(${name} REUSE_FROM kifa_precompiled)
endfunction()
