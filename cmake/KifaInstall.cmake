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
  "share/fish/vendor_completions.d/kifa.fish completion fish")

set(written "")
foreach(line IN LISTS kifa_written_files)
  separate_arguments(arguments UNIX_COMMAND "${line}")
  list(POP_FRONT arguments place)
  set(file "${PROJECT_BINARY_DIR}/written/${place}")
  get_filename_component(folder "${place}" DIRECTORY)
  add_custom_command(OUTPUT "${file}"
    COMMAND "${CMAKE_COMMAND}" "-DPROGRAM=$<TARGET_FILE:kifa>" "-DARGUMENTS=${arguments}" "-DFILE=${file}"
      -P "${PROJECT_SOURCE_DIR}/cmake/write_output.cmake"
    DEPENDS kifa "${PROJECT_SOURCE_DIR}/cmake/write_output.cmake"
    COMMENT "Writing ${place}" VERBATIM)
  list(APPEND written "${file}")
  install(FILES "${file}" DESTINATION "${folder}")
endforeach()
add_custom_target(kifa_written ALL DEPENDS ${written})

set(doc_dir "share/doc/kifa")
install(FILES README.md SECURITY.md LICENSE-MIT LICENSE-APACHE DESTINATION "${doc_dir}")
install(FILES docs/configuration.md docs/plugin-authoring.md docs/ARCHITECTURE.md DESTINATION "${doc_dir}/docs")
install(FILES configs/minimal.yaml configs/pos-terminal.yaml configs/agent-gateway.yaml
  DESTINATION "${doc_dir}/examples")

# The services name the program by its whole path, and the prefix is known only when it is installed.
configure_file(cmake/install_services.cmake.in "${PROJECT_BINARY_DIR}/install_services.cmake" @ONLY)
install(SCRIPT "${PROJECT_BINARY_DIR}/install_services.cmake" COMPONENT kifa)
