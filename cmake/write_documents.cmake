# Writes what kifa prints of itself: cmake -D KIFA=... -D DIRECTORY=... -P write_documents.cmake

function(write file)
  execute_process(COMMAND "${KIFA}" ${ARGN} OUTPUT_FILE "${DIRECTORY}/${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

unset(ENV{KIFA_PLUGIN_PATH})
file(REMOVE_RECURSE "${DIRECTORY}/man")
file(MAKE_DIRECTORY "${DIRECTORY}/man/man1" "${DIRECTORY}/completion")
execute_process(COMMAND "${KIFA}" manual --directory "${DIRECTORY}/man/man1" COMMAND_ERROR_IS_FATAL ANY)
write(completion/kifa completion bash)
write(completion/_kifa completion zsh)
write(completion/kifa.fish completion fish)
write(kifa.schema.json schema)
file(TOUCH "${DIRECTORY}/stamp")
