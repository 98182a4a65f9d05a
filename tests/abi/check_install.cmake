# cmake -DBUILD=dir -DSCRATCH=dir -DVENDOR=dir -DCC=cc -DCXX=c++ -DSCAN=scan_plugins -DNM=nm -P check_install.cmake
# A vendor's project builds against the installed SDK, and the host takes what comes out.
set(prefix "${SCRATCH}/prefix")
file(REMOVE_RECURSE "${prefix}" "${SCRATCH}/vendor")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}" --component kifa-sdk
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${VENDOR}" -B "${SCRATCH}/vendor"
  "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_INSTALL_PREFIX=${prefix}" "-DCMAKE_C_COMPILER=${CC}"
  "-DCMAKE_CXX_COMPILER=${CXX}" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${SCRATCH}/vendor" --target install
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
set(plugins "${prefix}/lib/kifa/plugins/acme_plain.kifa.so" "${prefix}/lib/kifa/plugins/acme_pulse.kifa.so")
execute_process(COMMAND "${SCAN}" ${plugins} COMMAND_ERROR_IS_FATAL ANY)
list(JOIN plugins "|" FILES)
include("${CMAKE_CURRENT_LIST_DIR}/check_exports.cmake")
