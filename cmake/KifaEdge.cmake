# The self-contained kifa: one file with the bundled plugins inside that needs nothing but libc where it runs.
#
# Nothing is compiled for it but a few lines: it is linked from the objects of the other delivery, against static
# libraries. So it costs seconds, in the same build tree, and both deliveries are the same code.
#
#   KIFA_EDGE  AUTO: when the static libraries are there, but not in a Debug build; ON: an error when it cannot be;
#              OFF: not at all
set(KIFA_EDGE AUTO CACHE STRING "Build the self-contained kifa: AUTO, ON or OFF")
set_property(CACHE KIFA_EDGE PROPERTY STRINGS AUTO ON OFF)

# What the modules get from shared libraries. fmt and spdlog have no static libraries in Debian: below.
set(kifa_edge_archives libyaml-cpp.a libre2.a libssl.a libcrypto.a libzstd.a liblz4.a libz.a)

# Sets `out` to why there can be no self-contained kifa here, or to nothing.
function(kifa_edge_obstacle out)
  set(${out} "" PARENT_SCOPE)
  if(KIFA_SANITIZE)
    set(${out} "sanitizers need their own runtime libraries" PARENT_SCOPE)
    return()
  endif()
  if(KIFA_EDGE STREQUAL "AUTO" AND CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(${out} "a Debug build is not what users get" PARENT_SCOPE)
    return()
  endif()
  foreach(archive IN LISTS kifa_edge_archives)
    string(MAKE_C_IDENTIFIER "KIFA_STATIC_${archive}" found)
    find_library(${found} "${archive}")
    mark_as_advanced(${found})
    if(NOT ${found})
      set(${out} "the static library ${archive} is not here" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Appends to `out` the static libraries of this build that `target` is linked with, at any distance.
function(kifa_static_libraries_of target out)
  set(found ${${out}})
  get_target_property(linked ${target} LINK_LIBRARIES)
  foreach(library IN LISTS linked)
    if(NOT TARGET ${library})
      continue()
    endif()
    get_target_property(type ${library} TYPE)
    get_target_property(imported ${library} IMPORTED)
    if(type STREQUAL "STATIC_LIBRARY" AND NOT imported AND NOT library IN_LIST found)
      list(APPEND found ${library})
      kifa_static_libraries_of(${library} found)
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# One object of all that a plugin consists of, in which its entry is the only name that others see: what two plugins
# call alike stays two things, as in two modules. Its path goes to `out`.
function(kifa_edge_plugin target out)
  string(REPLACE "kifa_plugin_" "" name ${target})
  set(object "${PROJECT_BINARY_DIR}/edge/plugins/${name}.o")
  add_custom_command(OUTPUT "${object}"
    COMMAND "${CMAKE_LINKER}" -r --force-group-allocation -o "${object}" "$<TARGET_OBJECTS:${target}>"
    COMMAND "${CMAKE_OBJCOPY}" --redefine-sym kifa_plugin_v1=kifa_builtin_${name}
      --keep-global-symbol=kifa_builtin_${name} --remove-section=kifa_abi1 "${object}"
    DEPENDS "$<TARGET_OBJECTS:${target}>"
    COMMENT "Joining the plugin ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  set(${out} "${object}" PARENT_SCOPE)
endfunction()

# The list of entries that core/plugin/builtin_plugins.hpp asks for.
function(kifa_write_builtins file plugins)
  set(declarations "")
  set(entries "")
  foreach(target IN LISTS plugins)
    string(REPLACE "kifa_plugin_" "kifa_builtin_" entry ${target})
    string(APPEND declarations "extern \"C\" const kifa_plugin* ${entry}();\n")
    string(APPEND entries "    &${entry},\n")
  endforeach()
  file(CONFIGURE OUTPUT "${file}" @ONLY CONTENT [[
#include "core/plugin/builtin_plugins.hpp"

@declarations@
namespace kifa::plugin {

std::span<const BuiltinEntry> builtin_plugins() {
  static constexpr BuiltinEntry kEntries[] = {
@entries@  };
  return kEntries;
}

}  // namespace kifa::plugin
]])
endfunction()

# The target kifa_edge: edge/bin/kifa in the build tree, without debug information, which is in kifa.debug beside it.
function(kifa_add_edge)
  get_property(plugins GLOBAL PROPERTY KIFA_BUNDLED_PLUGINS)
  set(libraries "")
  set(objects "")
  foreach(target IN ITEMS kifa ${plugins})
    kifa_static_libraries_of(${target} libraries)
    if(NOT target STREQUAL "kifa")
      kifa_edge_plugin(${target} object)
      list(APPEND objects "${object}")
    endif()
  endforeach()
  set(archives "")
  foreach(archive IN LISTS kifa_edge_archives)
    string(MAKE_C_IDENTIFIER "KIFA_STATIC_${archive}" found)
    list(APPEND archives "${${found}}")
  endforeach()
  list(TRANSFORM libraries REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE own_archives)

  set(builtins "${PROJECT_BINARY_DIR}/edge/builtin_plugins.cpp")
  kifa_write_builtins("${builtins}" "${plugins}")
  add_executable(kifa_edge "${builtins}" "${PROJECT_SOURCE_DIR}/core/base/fmt_definitions.cpp"
    "${PROJECT_SOURCE_DIR}/core/observability/log.cpp" "$<TARGET_OBJECTS:kifa>" ${objects})
  target_include_directories(kifa_edge PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/sdk/include")
  # With spdlog inside, before the archive that wants the shared one.
  target_compile_definitions(kifa_edge PRIVATE SPDLOG_FMT_EXTERNAL)
  target_link_options(kifa_edge PRIVATE -static-libstdc++ -static-libgcc LINKER:-z,relro LINKER:-z,now
    LINKER:--gc-sections)
  target_link_libraries(kifa_edge PRIVATE
    -Wl,--start-group ${own_archives} ${archives} -Wl,--end-group Threads::Threads ${CMAKE_DL_LIBS})
  add_dependencies(kifa_edge kifa ${libraries})
  set_target_properties(kifa_edge PROPERTIES OUTPUT_NAME kifa
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/edge/bin" LINK_DEPENDS "${own_archives}")
  add_custom_command(TARGET kifa_edge POST_BUILD
    COMMAND "${CMAKE_OBJCOPY}" --only-keep-debug kifa kifa.debug
    COMMAND "${CMAKE_STRIP}" kifa
    COMMAND "${CMAKE_OBJCOPY}" --add-gnu-debuglink=kifa.debug kifa
    WORKING_DIRECTORY "${PROJECT_BINARY_DIR}/edge/bin" VERBATIM)
  # The tests run it; whoever only builds kifa asks for it.
  if(NOT KIFA_BUILD_TESTS)
    set_target_properties(kifa_edge PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  install(TARGETS kifa_edge RUNTIME DESTINATION bin COMPONENT kifa-edge EXCLUDE_FROM_ALL)
endfunction()

if(NOT KIFA_EDGE STREQUAL "OFF" AND TARGET kifa)
  kifa_edge_obstacle(obstacle)
  if(NOT obstacle)
    kifa_add_edge()
  elseif(KIFA_EDGE STREQUAL "AUTO")
    message(STATUS "The self-contained kifa is left out: ${obstacle}")
  else()
    message(FATAL_ERROR "The self-contained kifa (KIFA_EDGE=ON) cannot be built: ${obstacle}")
  endif()
endif()
