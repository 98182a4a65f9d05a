# cmake -DNM=nm -DFILES=a.kifa.so|b.kifa.so -P check_exports.cmake
# Each plugin exports kifa_plugin_v1 and nothing else.
string(REPLACE "|" ";" files "${FILES}")
foreach(file IN LISTS files)
  execute_process(COMMAND "${NM}" -D --defined-only "${file}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "^[0-9a-f]+ " "" symbols "${symbols}")
  string(STRIP "${symbols}" symbols)
  if(NOT symbols STREQUAL "T kifa_plugin_v1")
    message(SEND_ERROR "${file} exports more or less than kifa_plugin_v1:\n${symbols}")
  endif()
endforeach()
