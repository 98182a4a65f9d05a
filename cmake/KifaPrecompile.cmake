# The headers that nearly every source includes, compiled once: half of the time of a build goes into reading them.
# Sources include what they use all the same: tests/tidy looks for it, by the list of tests/tidy/precompiled.py.

set(kifa_common_headers <algorithm> <array> <chrono> <cstdint> <deque> <filesystem> <functional> <map> <memory>
  <mutex> <optional> <span> <string> <string_view> <utility> <vector> <fmt/format.h>)

# One for libraries (-fPIC) and one for the tests (-fPIE): a precompiled header serves only code with its own flags.
function(kifa_add_precompiled name)
  set(source "${PROJECT_BINARY_DIR}/precompiled.cpp")  # a target has a source
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "")
  endif()
  add_library(${name} OBJECT "${source}")
  target_link_libraries(${name} PRIVATE fmt::fmt)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_precompile_headers(${name} PRIVATE ${kifa_common_headers} ${ARGN})
endfunction()

kifa_add_precompiled(kifa_precompiled)
