# cmake -DCXX=c++ -DINCLUDE=sdk/include -DSCRATCH=dir -P check_refusals.cmake
# A wrong description does not compile, and the compiler's words lead to the rule.
file(MAKE_DIRECTORY "${SCRATCH}")
set(before "
#include <kifa/sdk.hpp>
using namespace kifa::sdk;
struct Mute : Source {
  using Source::Source;
  Status poll(Emitter, std::int64_t) override { return Status::end(); }
};
struct Streamless : Framing { using Framing::Framing; };
")

# compile(what expected code): `expected` empty: it compiles; else a word of the compiler's message.
function(compile what expected code)
  file(WRITE "${SCRATCH}/wrong.cpp" "${before}${code}\n")
  execute_process(COMMAND "${CXX}" -std=c++20 -fsyntax-only "-I${INCLUDE}" "${SCRATCH}/wrong.cpp"
    RESULT_VARIABLE result ERROR_VARIABLE words OUTPUT_QUIET)
  if(expected STREQUAL "" AND NOT result EQUAL 0)
    message(SEND_ERROR "${what}: must compile\n${words}")
  elseif(NOT expected STREQUAL "" AND result EQUAL 0)
    message(SEND_ERROR "${what}: must not compile")
  elseif(NOT words MATCHES "${expected}")
    message(SEND_ERROR "${what}: '${expected}' is not in the compiler's words\n${words}")
  endif()
endfunction()

compile("control" "" [[
constexpr auto kOptions = options(option::size("room", "How much.").by_default("64KiB").range(1, 1e6));
constexpr kifa_component kComponents[] = {source<Mute>("mute", "Is silent.", kOptions)};
constexpr kifa_plugin kPlugin = plugin({"com.acme.mute", "1.0.0", "", "", "MIT"}, kComponents);]])
compile("a default outside the range" "throw fault|not valid in a constant expression" [[
constexpr auto kOptions = options(option::size("room", "How much.").by_default("64KiB").range(1, 10));]])
compile("a source that says it replies and does not" "belong together" [[
constexpr kifa_component kComponent =
    source<Mute>("mute", "Is silent.", {}, KIFA_SOURCE_BYTES | KIFA_SOURCE_REPLIES);]])
compile("a framing without Stream" "Stream" [[
constexpr kifa_component kComponent = framing<Streamless>("streamless", "Cuts nothing.");]])
