# cmake -DPROGRAM=kifa "-DARGUMENTS=completion;bash" -DFILE=file -P write_output.cmake
# Writes what the program prints to the file; nothing is left of a failure.
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
if(FILE MATCHES "[.]gz$")
  file(WRITE "${FILE}.plain" "${text}")
  execute_process(COMMAND gzip -9 --no-name --stdout "${FILE}.plain" OUTPUT_FILE "${FILE}" COMMAND_ERROR_IS_FATAL ANY)
  file(REMOVE "${FILE}.plain")
else()
  file(WRITE "${FILE}" "${text}")
endif()
