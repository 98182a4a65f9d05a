# cmake -DCC=cc -DCXX=c++ -DINCLUDE=sdk/include -DLAYOUT=layout.c -P check_headers.cmake
# The C header in every dialect it is promised for, without a warning or hidden padding.
set(strict -Wall -Wextra -Wpedantic -Werror -fsyntax-only "-I${INCLUDE}")

foreach(standard IN ITEMS c11 c17)
  execute_process(COMMAND "${CC}" -x c -std=${standard} -Wpadded ${strict} "${LAYOUT}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
foreach(standard IN ITEMS c++17 c++20)
  execute_process(COMMAND "${CXX}" -x c++ -std=${standard} -Wpadded ${strict} "${LAYOUT}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
