# What `cmake --install` puts onto a machine beside the program and its plugins, and what goes into the packages.
#
#   PREFIX/bin/kifa                          core/cli
#   PREFIX/lib/kifa/plugins/*.kifa.so        each plugin's kifa_add_plugin()
#   PREFIX/lib/{systemd,sysusers.d,udev}     the services, from configs/
#   PREFIX/share/...                         what kifa writes itself, below; documents
#   PREFIX/etc/kifa/kifa.yaml                for the services; /etc for the prefix /usr
#   PREFIX/include, PREFIX/lib/cmake, ...    components kifa-sdk and kifa-store: the package kifa-dev

# What kifa writes about itself: the place below PREFIX, then the arguments. One line more is one file more.
set(kifa_written_files
  "share/bash-completion/completions/kifa completion bash"
  "share/fish/vendor_completions.d/kifa.fish completion fish"
  "share/zsh/vendor-completions/_kifa completion zsh"
  "share/kifa/kifa.schema.json schema")

get_property(bundled_plugins GLOBAL PROPERTY KIFA_BUNDLED_PLUGINS)
set(written "")
foreach(line IN LISTS kifa_written_files)
  separate_arguments(arguments UNIX_COMMAND "${line}")
  list(POP_FRONT arguments place)
  set(file "${PROJECT_BINARY_DIR}/written/${place}")
  get_filename_component(folder "${place}" DIRECTORY)
  add_custom_command(OUTPUT "${file}"
    COMMAND "${CMAKE_COMMAND}" "-DPROGRAM=$<TARGET_FILE:kifa>" "-DARGUMENTS=${arguments}" "-DFILE=${file}"
      -P "${PROJECT_SOURCE_DIR}/cmake/write_output.cmake"
    DEPENDS kifa ${bundled_plugins} "${PROJECT_SOURCE_DIR}/cmake/write_output.cmake"
    COMMENT "Writing ${place}" VERBATIM)
  list(APPEND written "${file}")
  install(FILES "${file}" DESTINATION "${folder}")
endforeach()

# A page of the manual for each command, whichever there are.
set(manual "${PROJECT_BINARY_DIR}/written/share/man/man1")
add_custom_command(OUTPUT "${manual}/kifa.1.gz"
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${manual}"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${manual}"
  COMMAND kifa manual --directory "${manual}"
  COMMAND sh -c "exec gzip -9 --no-name \"$0\"/*.1" "${manual}"
  DEPENDS kifa
  COMMENT "Writing share/man/man1" VERBATIM)
install(DIRECTORY "${manual}" DESTINATION share/man)
add_custom_target(kifa_written ALL DEPENDS ${written} "${manual}/kifa.1.gz")

set(doc_dir "share/doc/kifa")
install(FILES README.md SECURITY.md LICENSE-MIT LICENSE-APACHE DESTINATION "${doc_dir}")
install(FILES docs/configuration.md docs/plugin-authoring.md docs/ARCHITECTURE.md DESTINATION "${doc_dir}/docs")
install(FILES configs/minimal.yaml configs/pos-terminal.yaml configs/agent-gateway.yaml
  DESTINATION "${doc_dir}/examples")

# The services name the program by its whole path, and the prefix is known only when it is installed.
configure_file(cmake/install_services.cmake.in "${PROJECT_BINARY_DIR}/install_services.cmake" @ONLY)
install(SCRIPT "${PROJECT_BINARY_DIR}/install_services.cmake" COMPONENT kifa)
