# cmake -DBUILD=dir -DSCRATCH=dir -DEXAMPLE=dir -DCXX=c++ -DFLAGS=flags -P check_install.cmake
# A program builds against the installed store, keeps records in it, reads them back, verifies and holds them.
set(prefix "${SCRATCH}/prefix")
set(journal "${SCRATCH}/journal")
file(REMOVE_RECURSE "${prefix}" "${SCRATCH}/program" "${journal}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}" --component kifa-store
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${EXAMPLE}" -B "${SCRATCH}/program"
  "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror ${FLAGS}"
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${SCRATCH}/program" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

set(program "${SCRATCH}/program/store-journal")
file(WRITE "${SCRATCH}/sales" "bread 500\nmilk 700\nsugar 900\n")
function(expect expected)
  execute_process(COMMAND "${program}" ${ARGN} INPUT_FILE "${SCRATCH}/sales" OUTPUT_VARIABLE found
    COMMAND_ERROR_IS_FATAL ANY)
  if(NOT found STREQUAL expected)
    message(FATAL_ERROR "store-journal ${ARGN} said\n${found}instead of\n${expected}")
  endif()
endfunction()
expect("1\n2\n3\n" "${journal}")
expect("4\n5\n6\n" "${journal}")
expect("1 bread 500\n2 milk 700\n3 sugar 900\n4 bread 500\n5 milk 700\n6 sugar 900\n" "${journal}" --read)
expect("" "${journal}" --read --to-time 2020-01-01T00:00:00Z)
expect("" "${journal}" --read --from-time 4000000000)
expect("6 sales, no fault\n" "${journal}" --verify)
expect("accountant keeps sales from 1 on\n" "${journal}" --hold accountant --days 30)
if(NOT EXISTS "${journal}/cursors/accountant")
  message(FATAL_ERROR "the hold is no file of the store")
endif()
expect("" "${journal}" --release accountant)
if(EXISTS "${journal}/cursors/accountant")
  message(FATAL_ERROR "the hold was not given up")
endif()
execute_process(COMMAND "${program}" "${journal}" --release accountant RESULT_VARIABLE code ERROR_VARIABLE said)
if(NOT code EQUAL 1 OR NOT said MATCHES "^store-journal: ")
  message(FATAL_ERROR "a hold that is not there was given up: ${code} ${said}")
endif()
