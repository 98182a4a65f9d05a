# What kifa prints of itself, made with the build and installed: pages of the manual, completions, the JSON Schema.

if(NOT TARGET kifa OR CMAKE_CROSSCOMPILING)
  return()
endif()

set(documents "${PROJECT_BINARY_DIR}/share")
get_property(plugins GLOBAL PROPERTY KIFA_BUNDLED_PLUGINS)
add_custom_command(
  OUTPUT "${documents}/stamp"
  COMMAND "${CMAKE_COMMAND}" -D "KIFA=$<TARGET_FILE:kifa>" -D "DIRECTORY=${documents}"
    -P "${CMAKE_CURRENT_LIST_DIR}/write_documents.cmake"
  DEPENDS kifa ${plugins} "${CMAKE_CURRENT_LIST_DIR}/write_documents.cmake"
  COMMENT "Writing manual, completions and schema"
  VERBATIM)
add_custom_target(kifa_documents ALL DEPENDS "${documents}/stamp")

install(DIRECTORY "${documents}/man/man1" DESTINATION "${CMAKE_INSTALL_MANDIR}")
install(FILES "${documents}/completion/kifa" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES "${documents}/completion/_kifa" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions")
install(FILES "${documents}/completion/kifa.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
install(FILES "${documents}/kifa.schema.json" DESTINATION "${CMAKE_INSTALL_DATADIR}/kifa")
