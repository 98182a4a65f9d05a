# cmake --install BUILD --component kifa-store: what a program needs that uses the store, and nothing else.
#
#   include/kifa/store.hpp      what it includes
#   include/kifa/store/core/    what that includes
#   lib/libkifa_*.a, lib/cmake/kifa-store/
include(CMakePackageConfigHelpers)
set(package_dir "lib/cmake/kifa-store")
set(package_files "${CMAKE_CURRENT_BINARY_DIR}/package")

set_target_properties(kifa_store PROPERTIES EXPORT_NAME store)
set_target_properties(kifa_io PROPERTIES EXPORT_NAME store_io)
set_target_properties(kifa_base PROPERTIES EXPORT_NAME store_base)
install(TARGETS kifa_store kifa_io kifa_base EXPORT kifa-store-targets
  ARCHIVE DESTINATION lib COMPONENT kifa-store)
# As Debian wants it of packages; CMake itself strips only what is linked.
install(CODE "if(CMAKE_INSTALL_DO_STRIP)
  foreach(library IN ITEMS kifa_store kifa_io kifa_base)
    execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug --enable-deterministic-archives
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/lib\${library}.a\" COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endif()" COMPONENT kifa-store)
install(EXPORT kifa-store-targets NAMESPACE kifa:: DESTINATION "${package_dir}" COMPONENT kifa-store)

install(FILES include/kifa/store.hpp DESTINATION include/kifa COMPONENT kifa-store)
foreach(header IN ITEMS base/clock.hpp base/status.hpp base/types.hpp io/file_system.hpp
    store/backup.hpp store/cursors.hpp store/damaged_file.hpp store/reader.hpp store/records.hpp store/repair.hpp
    store/store.hpp store/table_info.hpp store/verify.hpp)
  get_filename_component(folder "${header}" DIRECTORY)
  install(FILES "${PROJECT_SOURCE_DIR}/core/${header}" DESTINATION "include/kifa/store/core/${folder}"
    COMPONENT kifa-store)
endforeach()

configure_package_config_file(cmake/kifa-storeConfig.cmake.in "${package_files}/kifa-storeConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${package_files}/kifa-storeConfigVersion.cmake"
  VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMinorVersion)
install(FILES "${package_files}/kifa-storeConfig.cmake" "${package_files}/kifa-storeConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT kifa-store)
