# kifa_add_plugin(name SOURCES files... [LIBRARIES targets...] [OUTPUT_DIRECTORY folder])
#
# Makes the module target kifa_plugin_<name> with the file <name>.kifa.so, which exports kifa_plugin_v1 and nothing
# else. kifa looks into the file that is called after a component's type first: name the plugin after it.
#
# Inside kifa's own build the file goes to KIFA_PLUGIN_BUILD_DIR and is installed to KIFA_PLUGIN_INSTALL_DIR;
# OUTPUT_DIRECTORY puts it elsewhere and leaves the installation out.

function(kifa_add_plugin name)
  set(version_script "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/kifa_plugin.map")
  cmake_parse_arguments(arg "" "OUTPUT_DIRECTORY" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "kifa_add_plugin(${name}): give SOURCES files...; not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  set(target kifa_plugin_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE kifa::sdk ${arg_LIBRARIES})
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME "${name}" SUFFIX ".kifa.so"
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON
    LINK_DEPENDS "${version_script}")

  # Without it g++ makes inline statics unique in the process, and the library can never be unloaded.
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>")
  target_link_options(${target} PRIVATE
    "LINKER:--version-script=${version_script}" LINKER:-z,now LINKER:--exclude-libs,ALL)
  # clang leaves the sanitizers' symbols to the executable: then not all symbols are defined here.
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}")
  if(NOT (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND (KIFA_SANITIZE OR flags MATCHES "-fsanitize")))
    target_link_options(${target} PRIVATE LINKER:-z,defs)
  endif()

  if(arg_OUTPUT_DIRECTORY)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${arg_OUTPUT_DIRECTORY}")
  elseif(KIFA_PLUGIN_BUILD_DIR)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${KIFA_PLUGIN_BUILD_DIR}")
    install(TARGETS ${target} LIBRARY DESTINATION "${KIFA_PLUGIN_INSTALL_DIR}")
    set_property(GLOBAL APPEND PROPERTY KIFA_BUNDLED_PLUGINS ${target})
  endif()
endfunction()
