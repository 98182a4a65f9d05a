# The packages kifa and kifa-dev for Debian: cpack --config BUILD/CPackConfig.cmake
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kifa)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_VENDOR "The kifa authors")
set(CPACK_PACKAGE_CONTACT "The kifa authors <maintainers@kifa.example>")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # the first line of each description
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
# What is written for a prefix, such as the services, gets the prefix that the package has.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL kifa kifa-deb kifa-sdk kifa-store kifa-dev-deb)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENT_KIFA_GROUP kifa)
set(CPACK_COMPONENT_KIFA-DEB_GROUP kifa)
set(CPACK_COMPONENT_KIFA-SDK_GROUP kifa-dev)
set(CPACK_COMPONENT_KIFA-STORE_GROUP kifa-dev)
set(CPACK_COMPONENT_KIFA-DEV-DEB_GROUP kifa-dev)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

set(CPACK_DEBIAN_KIFA_PACKAGE_NAME kifa)
set(CPACK_DEBIAN_KIFA_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_KIFA_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_KIFA_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_KIFA_DESCRIPTION
"ingestion pipeline whose acknowledged records survive power loss
kifa takes in what devices that handle money send (POS terminals, receipt
printers, the phones of mobile-money agents) and keeps it on the disk, in a
log in which every acknowledged record survives power loss.

Sources, framings, sinks and formatters are plugins. Sources are standard
input, files, TCP (also with TLS), UDP and serial ports.")

set(CPACK_DEBIAN_KIFA-DEV_PACKAGE_NAME kifa-dev)
set(CPACK_DEBIAN_KIFA-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_KIFA-DEV_PACKAGE_DEPENDS
  "libfmt-dev, liblz4-dev, libssl-dev, libzstd-dev, pkg-config | pkgconf")
set(CPACK_DEBIAN_KIFA-DEV_DESCRIPTION
"headers and libraries for plugins of kifa and for its store
The SDK for plugins (a C header, a C++20 wrapper and a CMake function) and the
store of kifa as a library: the CMake packages kifa-sdk and kifa-store.")

set(control "${PROJECT_SOURCE_DIR}/packages/deb")
set(CPACK_DEBIAN_KIFA_PACKAGE_CONTROL_EXTRA
  "${control}/conffiles" "${control}/postinst" "${control}/prerm" "${control}/postrm")

# What Debian wants in every package. The day is that of the last release.
set(day "Mon, 23 Nov 2026 00:00:00 +0000")
foreach(package IN ITEMS kifa kifa-dev)
  set(folder "${PROJECT_BINARY_DIR}/deb/${package}")
  file(CONFIGURE OUTPUT "${folder}/changelog" @ONLY CONTENT
"kifa (@PROJECT_VERSION@) stable; urgency=medium

  * What is new stands in CHANGELOG.md of the sources.

 -- @CPACK_PACKAGE_CONTACT@  @day@
")
  set(written "${folder}/changelog.gz")
  add_custom_command(OUTPUT "${written}"
    COMMAND gzip -9 --no-name --keep --force "${folder}/changelog"
    DEPENDS "${folder}/changelog" VERBATIM)
  add_custom_target(${package}_changelog ALL DEPENDS "${written}")
  set(component "${package}-deb")
  install(FILES "${written}" "${control}/copyright" DESTINATION "share/doc/${package}"
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
include(CPack)
